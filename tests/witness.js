// What a page did last: keys, fields, clicks, focus, and the messages to and from its server. A failed test shows it.
(() => {
  const KEPT = 60;
  const done = [];
  const note = (what, more) => {
    done.push(`${Math.round(performance.now())} ${what} ${more}`.slice(0, 200));
    if (done.length > KEPT) done.shift();
  };
  window.witness = () => done.concat(`${Math.round(performance.now())} now; focus: ${named(document.activeElement)}`);
  const named = (node) =>
    node?.tagName ? `${node.tagName} ${node.getAttribute("aria-label") || node.textContent.slice(0, 30)}` : String(node);
  for (const type of ["input", "change", "click", "keydown", "focusin", "focusout", "visibilitychange", "pagehide"]) {
    window.addEventListener(type, (event) => note(type, `${named(event.target)} = ${event.target.value ?? ""}`), true);
  }
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    note("sent", data);
    return send.call(this, data);
  };
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      for (const type of ["open", "close", "error"]) this.addEventListener(type, () => note(type, this.url));
      this.addEventListener("message", ({ data }) => String(data).includes('"beat"') || note("heard", data));
    }
  };
})();
