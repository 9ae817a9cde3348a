// The phone page: enrol, my day, and what can be done with each visit.

import { card, el, formWith, photoPart, wordsOf } from "./cards.js";
import { ask, newKey, NotReached, Outbox } from "./outbox.js";

const LAST = "doorstep.technician.last";
const at = (id) => document.getElementById(id);
let day = null;
let shownDate = null;
let wanted = null; // the date that was asked for and whose day is not here yet
let asked = 0; // how often a day was asked for: an answer to an older question is dropped
let answered = 0; // how many writes were answered: a day read before the last of them is old
const laidBy = new Map(); // by visit, the forms in use of cards that are not shown just now
let era = 0; // counts the changes of who is signed in: what belongs to an earlier one is shown to nobody
let hubAhead = 0; // milliseconds the hub's clock is ahead of this phone's

const say = (sentence) => { at("said").textContent = sentence; at("trouble").textContent = ""; };
const complain = (sentence) => { at("trouble").textContent = sentence; };

const outbox = new Outbox({
  sent(entry, answer) {
    answered += 1;
    say(entry.says);
    if (entry.form) keepPhoto(entry.visitId, answer.id);
    else replaceVisit(answer.visit ?? answer);
  },
  async refused(entry, error) {
    say(""); // "Sending the photo …" is over
    complain(`${error.message} Nothing was changed.`);
    if (entry.form) return redrawPhotos(entry.visitId);
    const mine = era;
    await loadDay(wanted ?? shownDate, { quietly: true });
    if (mine !== era) return;
    giveBack(entry);
    if (document.activeElement === document.body) at(`visit-${entry.visitId}`)?.focus();
  },
  delayed(entry, error) {
    if (error.status === 401) return showEnrolment(error.message);
    complain(`${error.message} What you did is kept and sent again by itself.`);
  },
});

let shared = null; // the visit on whose way this phone's place is shown, and the watch that tells it
const PLACE_EVERY = 20_000;

const act = {
  door: (visit, code) => write(visit, "door-code", { code }, "The door code is right. Technician and citizen are both there."),
  shares: (visit) => shared?.visitId === visit.id,
  share(visit, yes) {
    stopSharing();
    if (!yes) return say("Your place is no longer shown.");
    if (!navigator.geolocation) return complain("This phone does not tell where it is.");
    shared = { visitId: visit.id, told: 0 };
    shared.watch = navigator.geolocation.watchPosition(
      ({ coords }) => tellPlace(visit.id, coords),
      () => { stopSharing(); complain("This phone may not tell where it is. Allow it in the browser's settings."); redraw(visit); },
      { maximumAge: PLACE_EVERY },
    );
    say("The citizen sees where you are until you arrive.");
  },
  busy: (visitId) => outbox.concerns(visitId),
  step: (visit, name) => write(visit, name, { occurred_at: hubTime() }, { "set-off": "You are on the way.", arrive: "You are at the door.", start: "Work has begun.", complete: "This visit is done." }[name]),
  abort: (visit, reason, note) => write(visit, "abort", { reason, note, occurred_at: hubTime() }, "This visit has ended without completion. The dispatcher knows."),
  report: (visit, body) => write(visit, "report", body, "The report was sent."),
  photo(visit, file) {
    const form = () => { const made = new FormData(); made.append("file", file); return made; };
    outbox.add({ visitId: visit.id, path: `/visits/${visit.id}/photos`, form, says: "The photo was kept." });
    say("Sending the photo …");
    redrawPhotos(visit.id);
  },
};

function write(visit, name, json, says) {
  if (outbox.concerns(visit.id)) return; // a second tap before the first is answered
  outbox.add({ visitId: visit.id, path: `/visits/${visit.id}/${name}`, json, says });
  // A part that was unfolded before the last answer still holds the visit as it was then.
  redraw(day.visits.find((one) => one.id === visit.id) ?? visit, { done: name === "door-code" ? "door" : name });
}

function stopSharing() {
  if (shared) navigator.geolocation.clearWatch(shared.watch);
  shared = null;
}

/** A place that does not get through is not kept for later: where the van was is of no use to anybody. */
async function tellPlace(visitId, { latitude, longitude }) {
  if (shared?.visitId !== visitId || Date.now() - shared.told < PLACE_EVERY) return;
  shared.told = Date.now();
  try {
    await ask("PUT", `/visits/${visitId}/place`, { json: { latitude, longitude } });
  } catch (error) {
    if (!(error instanceof NotReached)) stopSharing();
  }
}

/** The camera opens this page with the citizen's code after the #; it belongs to the visit that is under way. */
function readScannedCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("door");
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  const open = day.visits.filter((one) => ["en route", "on site", "working"].includes(one.status) && !one.door_checked_at);
  if (open.length === 1) act.door(open[0], code);
  else complain("No visit of yours is under way. Tell us that you set off or arrived, then scan the door code again.");
}

function hubTime() {
  return new Date(Date.now() + hubAhead).toISOString();
}

function replaceVisit(visit) {
  if (!day) return;
  day.visits = day.visits.map((one) => (one.id === visit.id ? visit : one));
  const here = document.activeElement;
  redraw(visit);
  if (!stayAt(here)) at(`visit-${visit.id}`)?.focus();
}

/** Whoever went on in a card that was drawn anew, or elsewhere, stays there; whether that was possible. */
function stayAt(here) {
  if (here === document.body || !here.isConnected) return false;
  here.focus({ preventScroll: true });
  return true;
}

function redraw(visit, { done = null } = {}) {
  document.querySelector(`[data-visit="${visit.id}"]`)?.replaceWith(drawn(visit, done));
}

/** The card of a visit; the forms in use of the one that is shown, or was, go over with what was typed into them, but for the part that is `done`. */
function drawn(visit, done = null) {
  if (shared?.visitId === visit.id && visit.status !== "en route") stopSharing();
  const made = card(visit, act);
  const inUse = laidBy.get(visit.id) ?? formsInUse(document.querySelector(`[data-visit="${visit.id}"]`));
  laidBy.delete(visit.id);
  for (const part of inUse) {
    if (part.dataset.part === done) continue;
    const same = made.querySelector(`details[data-part=${part.dataset.part}]`);
    if (!same) {
      if (part.dataset.part !== "door" && holdsWords(part)) keepApart(part.dataset.part, typedInto(part));
      continue;
    }
    part.querySelector("summary").textContent = same.querySelector("summary").textContent;
    for (const button of part.querySelectorAll("button[type=submit]")) button.disabled = act.busy(visit.id);
    same.replaceWith(part);
  }
  return made;
}

/** What is typed into the cards that are shown is there again when they are. */
function layBy() {
  for (const shown of document.querySelectorAll("[data-visit]")) laidBy.set(shown.dataset.visit, formsInUse(shown));
}

function formsInUse(shown) {
  return [...(shown?.querySelectorAll("details") ?? [])].filter((part) => part.open || holdsWords(part));
}

/** The words of a write that the hub refused: in the form they were typed into; where that is gone, or used again, in a list of their own. */
function giveBack({ visitId, path, json }) {
  const words = wordsOf(json);
  const name = path.split("/").at(-1);
  const visit = day?.visits.find((one) => one.id === visitId);
  const form = visit && formWith(name, json, visit, act);
  const place = form && document.querySelector(`[data-visit="${visitId}"] [data-part=${form.dataset.part}]`);
  if (place && !holdsWords(place)) place.replaceWith(form);
  else if (words) keepApart(name === "door-code" ? "door" : name, words);
}

const TYPED = { report: "Your report", abort: "Your note", door: "The door code" };

/** Words that no form on the page can take any more, to be read and copied. */
function keepApart(part, words) {
  const forget = el("button", { type: "button", text: "Remove this", on: { click: () => { entry.remove(); at("day-title").focus(); } } });
  const entry = el("li", {}, el("p", { text: `${TYPED[part]} was not taken. You had written:` }), el("p", { class: "words", text: words }), forget);
  at("untaken").append(entry);
}

const fieldsOf = (part) => [...part.querySelectorAll("textarea, input:not([type=radio])")];
const holdsWords = (part) => fieldsOf(part).some((field) => field.value.trim());
const typedInto = (part) => fieldsOf(part).map((field) => field.value.trim()).filter(Boolean).join("\n");

function keepPhoto(visitId, photoId) {
  const visit = day?.visits.find((one) => one.id === visitId);
  if (!visit) return;
  visit.photos.push(photoId);
  redrawPhotos(visitId);
}

function redrawPhotos(visitId) {
  const visit = day?.visits.find((one) => one.id === visitId);
  const old = document.querySelector(`[data-visit="${visitId}"] [data-part=photos]`);
  if (visit && old) old.replaceWith(photoPart(visit, act, outbox.concerns(visitId)));
}

function shift(days) {
  const moved = new Date(`${wanted ?? shownDate}T12:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  loadDay(moved.toISOString().slice(0, 10), { move: true });
}

async function loadDay(date, { quietly = false, move = false } = {}) {
  const mine = ++asked;
  wanted = date;
  let found, before;
  try {
    do {
      before = answered;
      found = await ask("GET", date ? `/my-day?date=${date}` : "/my-day");
    } while (mine === asked && before !== answered);
  } catch (error) {
    if (mine !== asked) return;
    wanted = null;
    if (error.status === 401) showEnrolment(error.message);
    else if (!quietly) complain(error instanceof NotReached ? `${error.message} Try again with Reload.` : error.message);
    return;
  }
  if (mine !== asked) return;
  wanted = null;
  day = found;
  hubAhead = Date.parse(day.now) - Date.now();
  shownDate = day.date;
  showDay(move);
}

/** What is kept on this phone is the last technician's: nobody else reads it, or sends it as theirs. */
function greet(technician) {
  let last = null;
  try {
    last = localStorage.getItem(LAST);
    localStorage.setItem(LAST, technician.id);
  } catch {
    // Without a store nothing was kept beyond this page.
  }
  if (last !== null && last !== technician.id) forgetAll();
  at("who").textContent = technician.name;
}

function forgetAll() {
  era += 1;
  outbox.forget();
  laidBy.clear();
  at("untaken").replaceChildren();
}

function showDay(move) {
  greet(day.technician);
  at("enrol").hidden = true;
  at("day").hidden = at("sign-out").hidden = at("untaken").hidden = false;
  const spoken = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" };
  at("day-title").textContent = new Intl.DateTimeFormat("en-GB", spoken).format(new Date(`${day.date}T12:00:00Z`));
  at("nothing").hidden = day.visits.length > 0;
  const here = document.activeElement;
  layBy();
  at("visits").replaceChildren(...day.visits.map((visit) => drawn(visit)));
  if (move) at("day-title").focus();
  else stayAt(here);
}

function showEnrolment(sentence) {
  day = null;
  layBy();
  at("day").hidden = at("sign-out").hidden = at("untaken").hidden = true;
  at("who").textContent = "";
  at("visits").replaceChildren();
  at("enrol").hidden = false;
  if (sentence) complain(sentence);
}

let enrolment = null; // the code and its key, until the hub has answered

async function enrol(event) {
  event.preventDefault();
  const button = at("enrol-form").querySelector("button");
  const code = at("code").value;
  if (enrolment?.code !== code) enrolment = { code, key: newKey() };
  button.disabled = true;
  try {
    await ask("POST", "/session", { json: { code, device_label: at("label").value }, key: enrolment.key });
    enrolment = null;
    at("enrol-form").reset();
    say("This phone is signed in.");
    await loadDay(null, { move: true });
    if (!day) return;
    readScannedCode();
    outbox.retry();
  } catch (error) {
    complain(error instanceof NotReached ? `${error.message} Tap Sign in again in a moment.` : error.message);
    at("code").focus();
  } finally {
    button.disabled = false;
  }
}

async function signOut() {
  if (outbox.size && !confirm("Something has not been sent yet and will be lost. Sign out all the same?")) return;
  try {
    await ask("DELETE", "/session");
  } catch (error) {
    if (error instanceof NotReached) return complain(`${error.message} You are still signed in.`);
  }
  say("This phone is signed out.");
  showEnrolment("");
  forgetAll();
}

at("enrol-form").addEventListener("submit", enrol);
at("sign-out").addEventListener("click", signOut);
at("day-before").addEventListener("click", () => shift(-1));
at("day-after").addEventListener("click", () => shift(1));
at("today").addEventListener("click", () => loadDay(null, { move: true }));
at("reload").addEventListener("click", () => { complain(""); loadDay(shownDate); outbox.retry(); });

async function begin() {
  try {
    const session = await ask("GET", "/session");
    if (!session.technician) return showEnrolment("");
    await loadDay(null);
    if (day) readScannedCode();
  } catch (error) {
    complain(`${error.message} Try again with Reload.`);
    at("day").hidden = false;
  }
  outbox.retry();
}

// What is typed is in the page only: whoever reloads it, or pulls it down by accident, is asked first.
addEventListener("beforeunload", (event) => { if ([...document.querySelectorAll("[data-visit] details")].some(holdsWords)) event.preventDefault(); });
addEventListener("hashchange", () => { if (day) readScannedCode(); });

begin();
