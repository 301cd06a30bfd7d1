// The bar between a list and its detail: dragged, or moved by arrows; two clicks reset it. The browser keeps it.
(() => {
  const KEPT = "unstuck:detail-width";
  const STEP = 24; // pixels
  const LEAST = 320;
  const root = document.documentElement;
  // A browser that refuses storage is no error: then the width lasts as long as the page.
  const stored = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null;
    }
  };
  const keep = (width) => {
    stored((storage) => (width ? storage.setItem(KEPT, width) : storage.removeItem(KEPT)));
    if (width) root.style.setProperty("--detail-width", `${width}px`);
    else root.style.removeProperty("--detail-width");
  };
  const detailOf = (bar) => bar.nextElementSibling;
  const widen = (bar, width) => {
    keep(Math.max(LEAST, Math.round(width)));
    bar.ariaValueNow = detailOf(bar).offsetWidth;
  };
  const kept = Number(stored((storage) => storage.getItem(KEPT)));
  if (kept >= LEAST) keep(kept);

  document.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest?.(".splitter");
    if (!bar || event.button) return;
    event.preventDefault();
    bar.focus();
    bar.setPointerCapture(event.pointerId);
    const right = detailOf(bar).getBoundingClientRect().right;
    const move = ({ clientX }) => widen(bar, right - clientX);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
  });
  document.addEventListener("dblclick", ({ target }) => target.closest?.(".splitter") && keep(null));
  document.addEventListener("keydown", (event) => {
    const bar = event.target.closest?.(".splitter");
    const step = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key];
    if (!bar || !step) return;
    event.preventDefault();
    widen(bar, detailOf(bar).offsetWidth + step);
  });
})();
