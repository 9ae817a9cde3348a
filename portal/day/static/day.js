// Follows where the visit stands. Without this script the page says the same and is looked at again by its link.

const page = document.querySelector("[data-events]");
const SILENT = 5000;  // milliseconds without a word of the stream, after which the link to look again is shown

/** Takes over the parts that differ; the headline is read out by the page itself, because its part is a polite live region. */
function takeOver(fragment) {
  const said = new DOMParser().parseFromString(fragment, "text/html");
  if (said.querySelector("[data-part=reload]")) {
    location.reload();
    return;
  }
  for (const part of said.querySelectorAll("[data-part]")) {
    const here = page.querySelector(`[data-part=${part.dataset.part}]`);
    if (here && here.dataset.said !== part.innerHTML) {
      here.dataset.said = part.innerHTML;
      here.replaceChildren(...part.childNodes);
    }
  }
  const acts = said.querySelector("[data-acts]").dataset.acts;
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

let map = null;

/** Where tiles are set up, a map takes the place of the sketch, and its script is fetched only then. */
async function showMap() {
  const figure = page?.querySelector("[data-tiles]");
  if (!figure) { map = null; return; }
  await leaflet();
  const point = (name) => figure.dataset[name].split(",").map(Number);
  const place = document.createElement("div");
  place.className = "day-map map";
  figure.querySelector("svg")?.replaceWith(place);
  map = L.map(place, { zoomControl: false, attributionControl: true, keyboard: false, dragging: false, scrollWheelZoom: false });
  map.attributionControl.setPrefix("");
  const attribution = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';
  L.tileLayer(figure.dataset.tiles, { maxZoom: 17, attribution }).addTo(map);
  L.circleMarker(point("home"), { className: "day-map__home", radius: 9, fillOpacity: 1 }).addTo(map);
  L.circleMarker(point("van"), { className: "day-map__van", radius: 9, fillOpacity: 1 }).addTo(map);
  map.fitBounds([point("home"), point("van")], { padding: [30, 30], maxZoom: 15, animate: false });
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
