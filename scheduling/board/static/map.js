// Draws the routes on a map: coloured lines and numbered markers. Without a tile server the towns' names orient the reader.
(() => {
  "use strict";
  const section = document.getElementById("map-section");
  const box = document.getElementById("map");
  if (!section || !box || typeof L === "undefined") return;
  const drawing = JSON.parse(document.getElementById("drawing").textContent);

  const words = (className, lines) => {
    const made = document.createElement("div");
    made.className = className;
    for (const line of lines.filter(Boolean)) {
      const part = document.createElement("div");
      part.textContent = line;
      made.append(part);
    }
    return made;
  };

  const SIZE = 26;
  const icon = (className, text) => {
    const made = document.createElement("span");
    made.textContent = text;
    return L.divIcon({ className, html: made, iconSize: [SIZE, SIZE] });
  };

  // Neighbours' markers would hide each other: they move apart until each can be read and pressed.
  const pins = [];
  const spread = () => {
    const spots = pins.map(({ place }) => map.latLngToLayerPoint(place));
    for (let round = 0, moved = true; moved && round < 200; round += 1) {
      moved = false;
      for (let one = 0; one < spots.length; one += 1) {
        for (let other = one + 1; other < spots.length; other += 1) {
          const away = spots[other].subtract(spots[one]);
          const sideways = Math.abs(away.x) >= Math.abs(away.y);
          const apart = Math.abs(sideways ? away.x : away.y);
          if (apart >= SIZE) continue;
          // A little across as well, so that many at one door do not stand in a row.
          const along = ((sideways ? away.x : away.y) < 0 ? -1 : 1) * ((SIZE + 1 - apart) / 2);
          const across = (other % 3) - 1;
          const push = sideways ? L.point(along, across) : L.point(across, along);
          spots[one] = spots[one].subtract(push);
          spots[other] = spots[other].add(push);
          moved = true;
        }
      }
    }
    pins.forEach(({ marker }, place) => marker.setLatLng(map.layerPointToLatLng(spots[place])));
  };

  section.hidden = false;
  const map = L.map(box, { scrollWheelZoom: false, zoomSnap: 0.25 });
  map.attributionControl.setPrefix("");
  if (drawing.tiles) {
    const attribution = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors';
    L.tileLayer(drawing.tiles, { maxZoom: 19, attribution }).addTo(map);
  }

  const seen = [];
  for (const route of drawing.routes) {
    if (!route.stops.length) continue;
    const line = [route.from, ...route.stops.map((stop) => stop.place), route.to];
    seen.push(...line);
    L.polyline(line, { className: `line route-line-${route.colour}`, weight: 4, interactive: false }).addTo(map);
    for (const [place, what] of [[route.from, "starts"], [route.to, "ends"]]) {
      const title = `${route.technician} ${what} here`;
      L.marker(place, { icon: icon("depot", "●"), keyboard: false, interactive: false, title, zIndexOffset: -500 }).addTo(map);
    }
    for (const stop of route.stops) {
      const title = `${route.technician}, stop ${stop.number}: ${stop.at} ${stop.work}, ${stop.town}`;
      const popup = words("stop-words", [
        `${stop.number}. ${stop.at}–${stop.until} ${stop.work}`,
        `${stop.town} · ${route.technician}`,
        stop.window && `promised ${stop.window}`,
        stop.status + (stop.change ? ` · ${stop.change} in the draft` : ""),
      ]);
      const link = document.createElement("a");
      link.href = stop.address;
      link.textContent = `Order ${stop.reference}`;
      popup.append(link);
      const marker = L.marker(stop.place, { icon: icon(`pin route-${route.colour}`, String(stop.number)), title, riseOnHover: true });
      marker.bindPopup(popup).addTo(map);
      pins.push({ marker, place: stop.place });
    }
  }
  for (const town of drawing.towns) {
    L.marker(town.place, { icon: L.divIcon({ className: "town", html: words("town__name", [town.name]), iconSize: null }), interactive: false, keyboard: false, zIndexOffset: -1000 }).addTo(map);
  }
  if (seen.length) {
    map.fitBounds(L.latLngBounds(seen), { padding: [34, 34], maxZoom: 13, animate: false });
    spread();
    map.on("zoomend", spread);
  } else section.hidden = true;
})();
