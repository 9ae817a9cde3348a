// Follows where the visit stands. Without this script the page says the same and is looked at again by its link.

const page = document.querySelector("[data-events]");
const SILENT = 5000;  // milliseconds without a word of the stream, after which the link to look again is shown

/** What a part says, however the stream broke its lines. */
const wording = (part) => part.innerHTML.replace(/\s+/g, " ").trim();

/** What each part last said, beginning with the page as it was loaded: a part that says the same is never touched. */
const said = new Map([...(page?.querySelectorAll("[data-part]") ?? [])].map((part) => [part.dataset.part, wording(part)]));

/** Takes over the parts that differ; the headline is read out by the page itself, because its part is a polite live region. */
function takeOver(fragment) {
  const news = new DOMParser().parseFromString(fragment, "text/html");
  if (news.querySelector("[data-part=reload]")) {
    location.reload();
    return;
  }
  for (const part of news.querySelectorAll("[data-part]")) {
    const name = part.dataset.part, here = page.querySelector(`[data-part=${name}]`);
    if (!here || said.get(name) === wording(part)) continue;
    said.set(name, wording(part));
    if (!moveVan(part)) here.replaceChildren(...part.childNodes);
  }
  const acts = news.querySelector("[data-acts]").dataset.acts;
  if (acts !== page.dataset.acts) renew(acts);
  showMap();
}

/** What can be done differs now: the rest is taken from the page as it would be loaded anew, and that is said. */
async function renew(acts) {
  const before = page.dataset.acts, changed = page.querySelector("[data-changed]");
  page.dataset.acts = acts;
  let anew;
  try {
    const answer = await fetch(page.dataset.page);
    if (!answer.ok) throw new Error(answer.statusText);
    anew = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    if (page.dataset.acts !== acts) return;
    // The next word of the stream tries again; until then the link to look again does.
    page.dataset.acts = before;
    page.querySelector("[data-again]").hidden = false;
    return;
  }
  // It may have changed once more meanwhile: then a newer answer is here or on its way.
  if (page.dataset.acts !== acts) return;
  document.title = anew.title;
  changed.textContent = changed.dataset.changed;
  for (const part of document.querySelectorAll("[data-renew]")) {
    const other = anew.querySelector(`[data-renew=${part.dataset.renew}]`);
    if (part.innerHTML !== other?.innerHTML) exchange(part, other ? [...other.childNodes] : [], changed);
  }
}

/** Whoever stands in the part with the keyboard goes on from the same link, or from the word that something changed. */
function exchange(part, content, changed) {
  const stood = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : undefined;
  part.replaceChildren(...content);
  if (stood === undefined) return;
  const same = [...part.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === stood);
  (same ?? changed).focus();
}

function follow() {
  const stream = new EventSource(page.dataset.events);
  const live = page.querySelector("[data-live]"), again = page.querySelector("[data-again]");
  const isLive = (yes) => {
    live.hidden = !yes;
    // Whoever stands on the link with the keyboard keeps it until they go on; hidden at once, their place in the page would be lost.
    if (yes && again.contains(document.activeElement)) again.addEventListener("focusout", () => { again.hidden = !live.hidden; }, { once: true });
    else again.hidden = yes;
  };
  again.hidden = true;
  // Something on the way may hold a stream back for good.
  setTimeout(() => { if (live.hidden) again.hidden = false; }, SILENT);
  stream.addEventListener("standing", (event) => { isLive(true); takeOver(event.data); });
  stream.addEventListener("end", () => { stream.close(); isLive(false); });
  stream.addEventListener("error", () => isLive(false));
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

/** The figure whose sketch became a map, and the map's own parts once its script is there. */
let mapped = null;

/** Where tiles are set up, a map takes the place of the sketch, and its script is fetched only then. */
async function showMap() {
  const figure = page.querySelector("[data-tiles]");
  if (!figure) mapped = null;
  if (!figure || mapped?.figure === figure) return;
  const mine = mapped = { figure };
  try {
    await leaflet();
  } catch {
    return;  // the sketch stays
  }
  // The visit may have gone on meanwhile.
  if (mapped !== mine || !figure.isConnected) return;
  const place = document.createElement("div");
  place.className = "day-map map";
  figure.querySelector("svg").replaceWith(place);
  const map = L.map(place, { zoomControl: false, attributionControl: true, keyboard: false, dragging: false, scrollWheelZoom: false });
  map.attributionControl.setPrefix("");
  const attribution = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';
  L.tileLayer(figure.dataset.tiles, { maxZoom: 17, attribution }).addTo(map);
  const mark = (name, className) => L.circleMarker(point(figure, name), { className, radius: 9, fillOpacity: 1 }).addTo(map);
  Object.assign(mine, { map, home: mark("home", "day-map__home"), van: mark("van", "day-map__van") });
  fit();
}

/** While the map stands, a new place moves the van on it and changes the words below; false when there is no map to keep. */
function moveVan(part) {
  const figure = part.querySelector("[data-tiles]");
  if (!figure || !mapped?.map) return false;
  Object.assign(mapped.figure.dataset, figure.dataset);
  mapped.figure.querySelector("figcaption").replaceChildren(...figure.querySelector("figcaption").childNodes);
  for (const name of ["home", "van"]) mapped[name].setLatLng(point(figure, name));
  fit();
  return true;
}

const point = (figure, name) => figure.dataset[name].split(",").map(Number);

function fit() {
  mapped.map.fitBounds([mapped.home.getLatLng(), mapped.van.getLatLng()], { padding: [30, 30], maxZoom: 15, animate: false });
}

let loading = null;

function leaflet() {
  loading ??= new Promise((done, failed) => {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: page.dataset.leafletStyle });
    const script = Object.assign(document.createElement("script"), { src: page.dataset.leaflet, onload: done, onerror: failed });
    document.head.append(style, script);
  });
  return loading;
}

if (page && "EventSource" in window) {
  follow();
  showMap();
}

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
