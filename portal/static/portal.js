// What makes the pages of choosing smoother. Without it they work the same: forms are sent and pages are loaded.
"use strict";

(() => {
  const SOON_SECONDS = 60;

  // How long a time is kept: a clock for the eye, two sentences for the ear.
  const countDown = (box) => {
    const clock = box.querySelector("[aria-hidden]");
    const spoken = box.querySelector("[role=status]");
    const end = performance.now() + Number(box.dataset.leaseSeconds) * 1000;
    let said = Number(box.dataset.leaseSeconds) <= SOON_SECONDS;
    clock.hidden = false;
    const tick = () => {
      if (!box.isConnected) return;
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left === 0) {
        spoken.textContent = box.dataset.over;
        clock.hidden = true;
        box.classList.add("portal-lease--over");
        return;
      }
      if (left <= SOON_SECONDS && !said) {
        said = true;
        spoken.textContent = box.dataset.soon;
      }
      setTimeout(tick, 1000);
    };
    tick();
  };
  const countAll = () => document.querySelectorAll("[data-lease-seconds]").forEach(countDown);
  countAll();

  if (!window.htmx) return;
  // Pages are personal: none is kept in the browser's store, and going back asks the server how things stand now.
  window.htmx.config.historyCacheSize = 0;
  window.htmx.config.refreshOnHistoryMiss = true;
  // Every answer is a page for people, those with a problem too.
  window.htmx.config.responseHandling = [{ code: ".*", swap: true }];

  const sources = (root) => [...root.querySelectorAll("script[src]")].map((one) => one.getAttribute("src"));

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const loaded = new Set(sources(document));
    if (sources(page).some((one) => !loaded.has(one))) {
      // It brings scripts of its own, which a swapped page would not run in their order.
      event.detail.shouldSwap = false;
      window.location.assign(xhr.responseURL);
      return;
    }
    const styles = new Set([...document.head.querySelectorAll("link[rel=stylesheet]")].map((one) => one.getAttribute("href")));
    page.head.querySelectorAll("link[rel=stylesheet]").forEach((one) => {
      if (!styles.has(one.getAttribute("href"))) document.head.append(document.importNode(one));
    });
    document.documentElement.lang = page.documentElement.lang;
  });

  // As after loading a page: whoever listens hears the problem, or where they are.
  document.addEventListener("htmx:afterSettle", () => {
    const first = document.querySelector(".govuk-error-summary") || document.querySelector("h1");
    if (first) {
      first.setAttribute("tabindex", "-1");
      first.focus();
    }
    countAll();
  });
})();
