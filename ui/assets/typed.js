// What was typed when a session ended is there again after the sign-in: the browser keeps it, in this tab alone.
(() => {
  const KEY = "typed";
  const FIELDS = "textarea, input:not([type=password]):not([type=hidden]):not([type=checkbox]):not([type=radio])";
  const nameOf = (field) =>
    field.getAttribute("aria-label") || field.labels?.[0]?.textContent.trim() || field.placeholder || field.name || "";

  window.addEventListener("pagehide", () => {
    const typed = {};
    for (const field of document.querySelectorAll(FIELDS)) {
      if (field.value && nameOf(field)) typed[nameOf(field)] = field.value;
    }
    if (Object.keys(typed).length) sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, typed }));
    else sessionStorage.removeItem(KEY);
  });

  const from = document.referrer && new URL(document.referrer);
  const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
  sessionStorage.removeItem(KEY);
  const isBack = from && from.origin === location.origin && from.pathname === "/login";
  if (!isBack || !kept || kept.path !== location.pathname) return;

  const put = (field) => {
    const value = kept.typed[nameOf(field)];
    if (value === undefined || field.value) return;
    delete kept.typed[nameOf(field)];
    const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(field, value);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Fields come when the page is drawn, and those of a dialog when it is opened.
  const watcher = new MutationObserver(() => {
    document.querySelectorAll(FIELDS).forEach(put);
    if (!Object.keys(kept.typed).length) watcher.disconnect();
  });
  watcher.observe(document, { childList: true, subtree: true });
})();
