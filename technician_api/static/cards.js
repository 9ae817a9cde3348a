// One card for each visit. Everything is set as text, never as HTML.

const PREFIX = "/api/technician/v1";
const STEP_NAMES = { "set-off": "Set off", arrive: "I am there", start: "Start work", complete: "Work is done" };
const STATUS_NAMES = {
  dispatched: "To do", "en route": "On the way", "on site": "At the door", working: "Working", completed: "Done", aborted: "Not done",
};
const REASONS = [
  ["no access", "No access: nobody opened, or the place cannot be entered"],
  ["refused", "Refused: the citizen does not want the work"],
  ["unsafe", "Unsafe: working here is dangerous"],
  ["other", "Another reason"],
];
const KINDS = [["extra time", "Extra time"], ["material", "Material"], ["unforeseen work", "Unforeseen work"]];

export function el(name, options = {}, ...children) {
  const { text, on, ...attributes } = options;
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  if (text !== undefined) made.textContent = text;
  for (const [event, listener] of Object.entries(on ?? {})) made.addEventListener(event, listener);
  made.append(...children.filter(Boolean));
  return made;
}

function clockTime(instant, zone) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(new Date(instant));
}

/**
 * `act`: { step(visit, name), abort(visit, reason, note), report(visit, body), photo(visit, file), door(visit, code),
 * shares(visit), share(visit, yes), busy(visitId) }.
 */
export function card(visit, act) {
  const busy = act.busy(visit.id);
  const over = visit.next_actions.length === 0;
  const title = `visit-${visit.id}`;
  return el(
    "li",
    { class: over ? "visit visit--over" : "visit", "data-visit": visit.id, "data-status": visit.status, "aria-labelledby": title, "aria-busy": busy ? "true" : null },
    ...facts(visit, title),
    ...steps(visit, act, busy),
    visit.status === "en route" && sharePart(visit, act),
    doorPart(visit, act, busy),
    photoPart(visit, act, busy),
    reportForm(visit, act, busy),
    abortForm(visit, act, busy),
  );
}

const FORMS = { "door-code": doorPart, report: reportForm, abort: abortForm };

/** The unfolded form of the write `name` with the words of its `json` in it; null when the visit has no such form now. */
export function formWith(name, json, visit, act) {
  const made = FORMS[name]?.(visit, act, act.busy(visit.id), json);
  return made?.localName === "details" ? made : null;
}

/** What was typed into such a form, to be read; empty when it was taps only. */
export function wordsOf(json) {
  const rows = (json.confirmations ?? []).map((one) => `${one.quantity} ${one.kind}: ${one.description}`);
  return [json.summary, ...rows, json.note, json.code].filter(Boolean).join("\n");
}

function facts(visit, title) {
  const { address, zone, citizen } = visit;
  const mood = { completed: " mark--good", aborted: " mark--bad" }[visit.status] ?? "";
  const window = visit.arrival_window;
  const minutes = Math.round(visit.travel_seconds / 60);
  const language = document.documentElement.lang;
  return [
    el("h2", { id: title, tabindex: "-1" },
      el("span", { class: "visit__when", text: `${clockTime(visit.planned_start, zone)} ` }),
      document.createTextNode(visit.work_type.names[language] ?? visit.work_type.code)),
    el("p", {}, el("span", { class: `mark${mood}`, text: STATUS_NAMES[visit.status] ?? visit.status }),
      visit.abort_reason && document.createTextNode(` ${visit.abort_reason}`)),
    el("p", {}, el("strong", { text: `${address.street}, ${address.postcode} ${address.town}` })),
    window && el("p", { text: `Promised: arrive between ${clockTime(window.starts_at, zone)} and ${clockTime(window.ends_at, zone)}` }),
    el("p", { class: "hint", text: `${minutes} min drive · order ${visit.order_number} · ${address.latitude.toFixed(5)}, ${address.longitude.toFixed(5)}` }),
    citizen && el("p", {}, document.createTextNode(`${citizen.first_name} (${citizen.language}) `),
      citizen.phone && el("a", { href: `tel:${citizen.phone.replace(/[^+\d]/g, "")}`, text: `Call ${citizen.phone}` })),
    visit.notes && el("p", { text: visit.notes }),
    visit.access && accessPart(visit.access),
  ];
}

const ACCESS_NAMES = [["gate_code", "Gate or door code"], ["dog", "Animals"], ["parking", "Parking"], ["note", "Note"]];

/** How to get in; the hub sends it on the day only. */
function accessPart(access) {
  const said = ACCESS_NAMES.filter(([name]) => access[name]);
  return el("dl", { class: "access" }, ...said.flatMap(([name, words]) => [el("dt", { text: words }), el("dd", { text: access[name] })]));
}

/** Off until the technician turns it on, for one drive; the citizen who waits then sees how far away the van is. */
function sharePart(visit, act) {
  const field = `share-${visit.id}`;
  return el("p", {}, el("label", { class: "choice", for: field },
    el("input", { id: field, type: "checkbox", checked: act.shares(visit), on: { change: (event) => act.share(visit, event.target.checked) } }),
    el("span", { text: "Show the citizen where I am on the way" })));
}

const AT_THE_DOOR = ["en route", "on site", "working"];

function doorPart(visit, act, busy, words = null) {
  if (visit.door_checked_at) {
    return el("p", { class: "hint", text: `The door code was read at ${clockTime(visit.door_checked_at, visit.zone)}.` });
  }
  if (!AT_THE_DOOR.includes(visit.status)) return null;
  const field = `door-${visit.id}`;
  const form = el("form", { on: { change: trimmed, submit: (event) => { event.preventDefault(); act.door(visit, form.querySelector("input").value); } } },
    el("p", { class: "hint", id: `${field}-hint`, text: "Scan the citizen's code with the camera of this phone, or type its sixteen letters and digits." }),
    el("label", { for: field, text: "Door code" }),
    el("input", { id: field, value: words?.code, required: true, maxlength: 40, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", "aria-describedby": `${field}-hint` }),
    el("button", { type: "submit", disabled: busy, text: "Check the door code" }));
  return el("details", { "data-part": "door", open: words !== null }, el("summary", { text: "The citizen shows a door code" }), form);
}

function steps(visit, act, busy) {
  const names = visit.next_actions.filter((name) => name !== "abort");
  return names.map((name, place) =>
    el("button", { type: "button", class: place === 0 ? "big" : null, disabled: busy, "data-step": name, text: STEP_NAMES[name], on: { click: () => act.step(visit, name) } }));
}

/** Drawn anew by itself when a photo was kept, so that a report being typed in the same card stays. */
export function photoPart(visit, act, busy) {
  const field = `photo-${visit.id}`;
  const shown = visit.photos.map((id, place) =>
    el("img", { src: `${PREFIX}/visits/${visit.id}/photos/${id}`, alt: `Photo ${place + 1} of this visit`, loading: "lazy", width: 96, height: 96 }));
  return el("div", { "data-part": "photos" },
    shown.length > 0 && el("div", { class: "photos" }, ...shown),
    visit.can_report && el("label", { for: field, text: "Add a photo" }),
    visit.can_report && el("input", { id: field, type: "file", accept: "image/*", disabled: busy, on: { change: (event) => event.target.files[0] && act.photo(visit, event.target.files[0]) } }));
}

/** Blanks are not words: what is required is asked for by the browser, in place, and not refused by the hub. */
function trimmed(event) {
  if (["text", "textarea"].includes(event.target.type)) event.target.value = event.target.value.trim();
}

function abortForm(visit, act, busy, words = null) {
  if (!visit.next_actions.includes("abort")) return null;
  const group = `reason-${visit.id}`, note = `note-${visit.id}`;
  const form = el("form", { on: { submit: (event) => {
    event.preventDefault();
    const answers = new FormData(form);
    act.abort(visit, answers.get(group), answers.get("note"));
  } } },
    el("fieldset", {}, el("legend", { text: "Why can the work not be done?" }),
      ...REASONS.map(([value, text]) => el("label", { class: "choice" },
        el("input", { type: "radio", name: group, value, required: true, checked: words?.reason === value }), el("span", { text })))),
    el("label", { for: note, text: "What happened? (may be left empty)" }),
    el("textarea", { id: note, name: "note", rows: 3, maxlength: 2000, text: words?.note }),
    el("button", { type: "submit", class: "big warn", disabled: busy, text: "End this visit without completion" }));
  return el("details", { "data-part": "abort", open: words !== null }, el("summary", { text: "It cannot be done" }), form);
}

function reportForm(visit, act, busy, words = null) {
  if (!visit.can_report) return null;
  const summary = `summary-${visit.id}`;
  const rows = el("div", {}, ...(words?.confirmations ?? []).map((one, place) => confirmationRow(`${visit.id}-returned-${place}`, one)));
  const form = el("form", { on: { change: trimmed, submit: (event) => {
    event.preventDefault();
    const confirmations = [...rows.querySelectorAll("fieldset")].map((row) => ({
      kind: row.querySelector("select").value,
      description: row.querySelector("[name=description]").value,
      quantity: Number(row.querySelector("[name=quantity]").value),
    }));
    act.report(visit, { summary: form.querySelector("textarea").value, confirmations });
  } } },
    el("label", { for: summary, text: "What was done?" }),
    el("textarea", { id: summary, rows: 4, maxlength: 4000, required: true, text: words?.summary }),
    rows,
    el("button", { type: "button", text: "Add extra time, material or unforeseen work", on: { click: () => {
      const row = confirmationRow(`${visit.id}-${rows.children.length}-${Date.now()}`);
      rows.append(row);
      row.querySelector("select").focus();
    } } }),
    el("button", { type: "submit", class: "big", disabled: busy, text: "Send the report" }));
  const heading = visit.reports ? `Report (${visit.reports} sent)` : "Report";
  return el("details", { "data-part": "report", open: words !== null }, el("summary", { text: heading }), form);
}

function confirmationRow(id, words = null) {
  const row = el("fieldset", {}, el("legend", { text: "Beyond the order" }),
    el("label", { for: `kind-${id}`, text: "What" }),
    el("select", { id: `kind-${id}`, name: "kind" }, ...KINDS.map(([value, text]) => el("option", { value, text, selected: words?.kind === value }))),
    el("label", { for: `quantity-${id}`, text: "How much (minutes for extra time, pieces otherwise)" }),
    el("input", { id: `quantity-${id}`, name: "quantity", type: "number", inputmode: "numeric", min: 1, max: 10000, required: true, value: words?.quantity }),
    el("label", { for: `words-${id}`, text: "Why" }),
    el("input", { id: `words-${id}`, name: "description", maxlength: 500, required: true, value: words?.description }),
    el("button", { type: "button", text: "Remove this", on: { click: () => row.remove() } }));
  return row;
}
