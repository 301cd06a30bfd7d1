// What the page knows of its server, which sends a word each second: silent for three, and the page says so. A page
// whose connection is lost takes no presses, which the browser would keep and send much later.
(() => {
  const SILENT = 3000;
  const ACTS = "button, [role=button], [role=menuitem], [role=option], [type=submit]";
  let heard = performance.now();
  let isConnected = true;

  const strip = document.createElement("div");
  strip.id = "silence";
  strip.setAttribute("role", "status");
  const show = () => {
    const age = performance.now() - heard;
    const state = isConnected ? (age > SILENT ? "silent" : "live") : "lost";
    document.documentElement.dataset.server = state;
    const silence = window.spanWords(age / 1000);
    const sentence = {
      live: "",
      silent: `No data for ${silence}. What you see may be out of date.`,
      lost: `Connection lost; no data for ${silence}. Buttons work again as soon as the connection is back.`,
    }[state];
    if (strip.textContent !== sentence) strip.textContent = sentence;
  };
  const hear = () => {
    heard = performance.now();
    isConnected = true;
    show();
  };
  const listen = () => {
    if (!window.socket) return setTimeout(listen, 100);
    document.body.append(strip);
    window.socket.on("beat", hear);
    window.socket.on("connect", hear);
    window.socket.on("disconnect", () => {
      isConnected = false;
      show();
    });
    hear();
    setInterval(show, 1000);
  };
  document.addEventListener("DOMContentLoaded", listen);

  const refuse = (event) => {
    if (isConnected || !event.target.closest?.(ACTS) || event.target.closest("[data-act=theme]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("click", refuse, true);
  document.addEventListener("submit", refuse, true);
})();
