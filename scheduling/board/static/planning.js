// Says that planning runs, and sends each form once.
(() => {
  "use strict";
  const waiting = document.getElementById("waiting");
  for (const form of document.querySelectorAll("form[data-waiting]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      waiting.textContent = form.dataset.waiting;
    });
  }
  // Coming back by the browser's Back button shows the page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-waiting]")) delete form.dataset.sent;
    if (waiting) waiting.textContent = "";
  });
})();
