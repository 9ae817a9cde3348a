// Draws the day as a timeline by technician. The list further down the page says the same in words.
(() => {
  "use strict";
  const section = document.getElementById("timeline-section");
  const box = document.getElementById("timeline");
  if (!section || !box || typeof EventCalendar === "undefined") return;
  const drawing = JSON.parse(document.getElementById("drawing").textContent);

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const sentence = (stop) =>
    `${stop.number}. ${stop.at}–${stop.until} ${stop.work}, ${stop.town}, ${stop.status}` +
    (stop.window ? `, promised ${stop.window}` : "") +
    (stop.change ? `, ${stop.change} in the draft` : "");

  const visit = (route, stop) => ({
    resourceId: route.id,
    start: stop.start,
    end: stop.end,
    classNames: ["stop", `kind-${stop.kind}`].concat(stop.change ? ["stop--changed"] : []),
    extendedProps: { stop, title: sentence(stop) },
  });

  const drive = (route, stop) => ({
    resourceId: route.id,
    start: stop.setsOff,
    end: stop.start,
    classNames: ["kind-drive"],
    extendedProps: { title: `Drive of ${stop.drive} to ${stop.town}` },
  });

  const shade = (route, start, end, kind, title) => ({
    resourceId: route.id,
    start,
    end,
    display: "background",
    classNames: [`kind-${kind}`],
    extendedProps: { title },
  });

  const dayAt = (hour) => (hour === "24:00" ? `${drawing.day}T23:59:59` : `${drawing.day}T${hour}:00`);

  const shadesOf = (route) => {
    const shades = [];
    const [opens, closes] = [dayAt(drawing.hours[0]), dayAt(drawing.hours[1])];
    if (opens < route.shift[0]) shades.push(shade(route, opens, route.shift[0], "away", "Before the shift"));
    if (route.shift[1] < closes) shades.push(shade(route, route.shift[1], closes, "away", "After the shift"));
    for (const away of route.absences) shades.push(shade(route, away.start, away.end, "away", away.reason));
    if (route.rest) shades.push(shade(route, route.rest.start, route.rest.end, "rest", "The break begins here"));
    return shades;
  };

  const content = ({ event }) => {
    const stop = event.extendedProps.stop;
    if (!stop) return { domNodes: [] };
    const link = element("a", "stop__link");
    link.href = stop.address;
    link.title = event.extendedProps.title;
    const when = element("span", "stop__when", `${stop.at} `);
    when.append(element("span", "stop__work", stop.work));
    link.append(
      when,
      element("span", "stop__where", stop.town),
      element("span", "stop__state", stop.status + (stop.change ? ` · ${stop.change}` : "")),
    );
    if (stop.window) link.append(element("span", "stop__window", `promised ${stop.window}`));
    return { domNodes: [link] };
  };

  const label = ({ resource }) => {
    const route = resource.extendedProps.route;
    const name = element("span", "crew__name", route.technician);
    const swatch = element("span", `swatch route-${route.colour}`);
    return { domNodes: [swatch, name, element("span", "crew__state", route.published ? "published" : "not published")] };
  };

  section.hidden = false;
  const halfHours = 2 * (Number.parseInt(drawing.hours[1], 10) - Number.parseInt(drawing.hours[0], 10));
  const slotWidth = Math.max(46, Math.floor((box.clientWidth - 190) / halfHours));
  EventCalendar.create(box, {
    view: "resourceTimelineDay",
    date: drawing.day,
    headerToolbar: { start: "", center: "", end: "" },
    resources: drawing.routes.map((route) => ({ id: route.id, title: route.technician, extendedProps: { route } })),
    resourceLabelContent: label,
    events: drawing.routes.flatMap((route) => [
      ...shadesOf(route),
      ...route.stops.filter((stop) => stop.setsOff < stop.start).map((stop) => drive(route, stop)),
      ...route.stops.map((stop) => visit(route, stop)),
    ]),
    eventContent: content,
    eventDidMount: ({ el, event }) => {
      if (!event.extendedProps.stop) el.title = event.extendedProps.title;
    },
    slotMinTime: drawing.hours[0],
    slotMaxTime: drawing.hours[1],
    slotDuration: "00:30",
    slotLabelInterval: "01:00",
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    slotWidth,
    locale: "en-GB",
    editable: false,
    nowIndicator: false,
    pointer: false,
    height: "auto",
  });
  // The library calls its boxes a table without giving it the rows a table needs: without that its texts and links are read in order.
  for (const part of box.querySelectorAll("*")) {
    for (const name of part.getAttributeNames()) {
      if (name === "role" || name.startsWith("aria-")) part.removeAttribute(name);
    }
  }
})();
