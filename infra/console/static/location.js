// Lets a dispatcher put an order on the map. The two fields below the map are the truth; the pin follows them and they follow the pin.
(() => {
  "use strict";
  const box = document.getElementById("pin-map");
  if (!box || typeof L === "undefined") return;
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const fields = [document.getElementById("latitude"), document.getElementById("longitude")];
  const said = document.getElementById("pin-said");

  box.hidden = false;
  document.getElementById("pin-help").hidden = false;
  const map = L.map(box, { scrollWheelZoom: false, zoomSnap: 0.5 });
  map.attributionControl.setPrefix("");
  if (drawing.tiles) {
    const attribution = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';
    L.tileLayer(drawing.tiles, { maxZoom: 19, attribution }).addTo(map);
  }
  for (const town of drawing.towns) {
    const name = document.createElement("div");
    name.className = "pin-town";
    name.textContent = town.name;
    L.marker(town.place, { icon: L.divIcon({ className: "", html: name, iconSize: null }), interactive: false, keyboard: false }).addTo(map);
  }

  const typed = () => {
    const values = fields.map((field) => Number(field.value.trim().replace(",", ".")));
    const given = fields.every((field) => field.value.trim() !== "");
    const [lat, lon] = values;
    return given && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? L.latLng(lat, lon) : null;
  };

  let pin = null;
  const tell = (place) => {
    fields[0].value = place.lat.toFixed(5);
    fields[1].value = place.lng.toFixed(5);
    said.textContent = `The pin is at ${fields[0].value} north, ${fields[1].value} east.`;
  };
  const put = (place) => {
    if (pin) {
      pin.setLatLng(place);
      return;
    }
    const shape = document.createElement("span");
    const icon = L.divIcon({ className: "pin-marker", html: shape, iconSize: [24, 24], iconAnchor: [12, 28] });
    pin = L.marker(place, { icon, draggable: true, autoPan: true, title: "The order", alt: "The order's pin; arrow keys move it" }).addTo(map);
    pin.on("dragend", () => tell(pin.getLatLng().wrap()));
    pin.getElement().addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 1 : 12;
      const way = { ArrowUp: [0, -step], ArrowDown: [0, step], ArrowLeft: [-step, 0], ArrowRight: [step, 0] }[event.key];
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      const moved = map.containerPointToLatLng(map.latLngToContainerPoint(pin.getLatLng()).add(way)).wrap();
      pin.setLatLng(moved);
      if (!map.getBounds().contains(moved)) map.panTo(moved, { animate: false });
      tell(moved);
    });
  };

  const begin = typed();
  const open = begin || drawing.place;
  if (open) map.setView(open, drawing.zoom, { animate: false });
  else map.fitBounds(drawing.box, { animate: false });
  if (drawing.place) L.circleMarker(drawing.place, { className: "pin-about", radius: 22, interactive: false }).addTo(map);
  if (begin) put(begin);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== box) return;
    event.preventDefault();
    put(map.getCenter());
    tell(pin.getLatLng().wrap());
    pin.getElement().focus();
  });
  map.on("click", (event) => {
    const place = event.latlng.wrap();
    put(place);
    tell(place);
  });
  for (const field of fields) {
    field.addEventListener("change", () => {
      const place = typed();
      if (!place) return;
      put(place);
      map.setView(place, Math.max(map.getZoom(), drawing.zoom), { animate: false });
    });
  }
})();
