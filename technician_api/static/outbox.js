// Writes that wait to be sent. Each keeps its Idempotency-Key until the hub has answered, so that a write whose
// answer got lost can be sent again without a second effect. They survive a reload; photos only wait as long as the page is open.

const PREFIX = "/api/technician/v1";
const STORE = "doorstep.technician.outbox";
const LONGEST_WAIT = 30_000;

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

export class NotReached extends Error {}

/** Send one request; resolves to the answer's JSON, rejects with Refused (the hub said no) or NotReached (try again). */
export async function ask(method, path, { json, form, key } = {}) {
  const headers = key ? { "Idempotency-Key": key } : {};
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(PREFIX + path, {
      method,
      headers,
      body: json !== undefined ? JSON.stringify(json) : form,
      credentials: "same-origin",
      signal: AbortSignal.timeout(form ? 90_000 : 20_000),
    });
  } catch {
    throw new NotReached("There is no connection just now.");
  }
  if (answer.status >= 500 || answer.status === 429) throw new NotReached(await sentence(answer));
  if (!answer.ok) throw new Refused(answer.status, await sentence(answer));
  return answer.status === 204 ? null : answer.json();
}

async function sentence(answer) {
  try {
    const problem = await answer.json();
    if (problem.detail) return problem.detail;
  } catch {
    // Not from the hub: a proxy on the way answered.
  }
  return `The hub did not take this (${answer.status}).`;
}

export function newKey() {
  // randomUUID exists only on secure origins; a demo may be opened by its plain address.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  #waiting = [];
  #sending = false;
  #timer = null;
  #wait = 1000;

  /** `told`: { sent(entry, answer), refused(entry, error), delayed(entry, error) }. */
  constructor(told) {
    this.told = told;
    try {
      this.#waiting = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    } catch {
      this.#waiting = [];
    }
    addEventListener("online", () => this.retry());
  }

  get size() {
    return this.#waiting.length;
  }

  concerns(visitId) {
    return this.#waiting.some((entry) => entry.visitId === visitId);
  }

  add(entry) {
    this.#waiting.push({ key: newKey(), ...entry });
    this.#remember();
    this.retry();
  }

  forget() {
    this.#waiting = [];
    this.#remember();
  }

  retry() {
    clearTimeout(this.#timer);
    this.#wait = 1000;
    this.#pump();
  }

  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#waiting.length) if (!(await this.#sendFirst())) break;
    } finally {
      this.#sending = false;
    }
  }

  /** Whether the next one may follow at once. */
  async #sendFirst() {
    const entry = this.#waiting[0];
    try {
      const answer = await ask("POST", entry.path, { json: entry.json, form: entry.form?.(), key: entry.key });
      this.#done(entry);
      this.told.sent(entry, answer);
      return true;
    } catch (error) {
      if (error instanceof NotReached || error.status === 401) {
        this.told.delayed(entry, error);
        if (error.status === 401) return false;
        this.#timer = setTimeout(() => this.#pump(), this.#wait);
        this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
        return false;
      }
      this.#done(entry);
      this.told.refused(entry, error);
      return true;
    }
  }

  #done(entry) {
    this.#waiting = this.#waiting.filter((one) => one !== entry);
    this.#wait = 1000;
    this.#remember();
  }

  #remember() {
    const lasting = this.#waiting.filter((entry) => !entry.form);
    try {
      localStorage.setItem(STORE, JSON.stringify(lasting));
    } catch {
      // A full or forbidden store: the writes wait in memory only.
    }
  }
}
