// Follows where the visit stands. Without this script the page says the same and is looked at again by its link.

const page = document.querySelector("[data-events]");

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
  showMap();
}

function follow() {
  const stream = new EventSource(page.dataset.events);
  const live = page.querySelector("[data-live]"), again = page.querySelector("[data-again]");
  const isLive = (yes) => { live.hidden = !yes; again.hidden = yes; };
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
  L.tileLayer(figure.dataset.tiles, { maxZoom: 17 }).addTo(map);
  L.circleMarker(point("home"), { radius: 9, color: "#0b4f4a", fillOpacity: 1 }).addTo(map);
  L.circleMarker(point("van"), { radius: 9, color: "#0b0c0c", fillColor: "#ffc857", fillOpacity: 1 }).addTo(map);
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
