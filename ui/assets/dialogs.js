// A dialog is sent from the keyboard: Enter in a field of one line, Ctrl or ⌘ Enter everywhere in it.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.repeat || event.defaultPrevented) return;
  const field = event.target;
  const send = field.closest?.(".q-dialog")?.querySelector("[data-send]");
  // In a select, Enter opens it or chooses.
  const isOneLine = field.matches("input") && !field.closest(".q-select");
  if (!send || !(event.ctrlKey || event.metaKey || (isOneLine && !event.altKey))) return;
  event.preventDefault();
  field.dispatchEvent(new Event("change", { bubbles: true })); // a field that waits for a pause in typing sends now
  send.click();
});
// The field that the server has refused has the focus, once it is marked as such.
window.leadToFault = (id) => {
  const found = document.getElementById(id);
  (found?.matches("input, textarea") ? found : found?.querySelector("input, textarea"))?.focus();
};
// A dialog that is left gives the focus back: the server may take it away before the framework does.
let before = null;
document.addEventListener("focusin", ({ target }) => {
  if (!target.closest(".q-dialog, .q-menu")) before = target;
});
const leaving = new MutationObserver((changes) => {
  const isLeft = changes.some(({ removedNodes }) =>
    [...removedNodes].some((node) => node.id?.startsWith("q-portal--dialog")),
  );
  if (isLeft && document.activeElement === document.body && !document.querySelector(".q-dialog"))
    before?.focus({ preventScroll: true });
});
addEventListener("DOMContentLoaded", () => leaving.observe(document.body, { childList: true }));
