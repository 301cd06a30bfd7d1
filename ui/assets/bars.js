// Bars over time (ui/components/base/time_bars.py): a range is chosen by pointer, or by arrows, Shift and Enter.
(() => {
  const CHART = ".time-bars[data-bars]";
  const MINUTE = 60000;
  const barsOf = (chart) => {
    const bars = JSON.parse(chart.dataset.bars ?? chart.dataset.hours);
    return { ...bars, number: bars.counts[0].length };
  };
  const within = (place, number) => Math.max(0, Math.min(number - 1, place));

  // What is chosen: from one moment to another, each the beginning of its bar. Bars may be drawn anew meanwhile.
  let chart = null;
  let anchor = 0;
  let head = 0;
  let isHeld = false;

  const chosen = (bars) => {
    const places = [anchor, head].map((at) => within(Math.round((at - bars.start) / bars.width), bars.number));
    return [Math.min(...places), Math.max(...places)];
  };
  const said = (bars, first, last) => {
    const numbers = bars.names.map((name, of) => [
      bars.counts[of].slice(first, last + 1).reduce((a, b) => a + b),
      name,
    ]);
    const jobs = numbers.filter(([number]) => number).map(([number, name]) => `${number.toLocaleString()} ${name}`);
    const marks = bars.marks.filter(([place]) => place >= first && place < last + 1).map(([, label]) => label);
    const [start, stop] = [first, last + 1].map((place) => bars.start + place * bars.width);
    return [window.clockedRange(start, stop, bars.width < MINUTE), jobs.join(", ") || "none", ...marks].join(" · ");
  };
  const show = () => {
    const bars = barsOf(chart);
    const [first, last] = chosen(bars);
    const at = within(Math.round((head - bars.start) / bars.width), bars.number);
    chart.style.setProperty("--from", first / bars.number);
    chart.style.setProperty("--to", (last + 1) / bars.number);
    chart.style.setProperty("--at", (at + 0.5) / bars.number);
    chart.dataset.said = said(bars, first, last);
    chart.ariaValueNow = at + 1;
    chart.ariaValueText = chart.dataset.said;
  };
  const leave = () => {
    if (chart) delete chart.dataset.said;
    chart = null;
    isHeld = false;
  };
  const choose = () => {
    const bars = barsOf(chart);
    const [first, last] = chosen(bars);
    const detail = [first, last + 1].map((place) => bars.start + place * bars.width);
    const target = chart;
    leave();
    target.dispatchEvent(new CustomEvent("range", { detail }));
  };
  const go = (target, bars, place, isMore) => {
    chart = target;
    head = bars.start + within(place, bars.number) * bars.width;
    if (!isMore) anchor = head;
    show();
  };
  const point = (target, event, isMore) => {
    const bars = barsOf(target);
    const { left, width } = target.getBoundingClientRect();
    go(target, bars, Math.floor(((event.clientX - left) / width) * bars.number), isMore);
  };

  document.addEventListener("pointerdown", (event) => {
    const target = event.target.closest?.(CHART);
    if (!target || event.button !== 0) return;
    point(target, event, event.shiftKey && chart === target);
    target.setPointerCapture(event.pointerId);
    isHeld = true;
  });
  document.addEventListener("pointermove", (event) => {
    const target = isHeld ? chart : event.target.closest?.(CHART);
    if (target?.isConnected) point(target, event, isHeld);
    else if (chart && (isHeld || document.activeElement !== chart)) leave();
  });
  // Bars of which nothing is chosen: the hour that is pointed at is said in the title.
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest?.("[data-hours]");
    if (!target) return;
    const bars = barsOf(target);
    const { left, width } = target.getBoundingClientRect();
    const place = within(Math.floor(((event.clientX - left) / width) * bars.number), bars.number);
    const title = said(bars, place, place);
    if (target.title !== title) target.title = title;
  });
  document.addEventListener("pointerup", () => isHeld && (chart?.isConnected ? choose() : leave()));
  document.addEventListener("pointercancel", leave);
  document.addEventListener("pointerleave", () => isHeld || leave());
  document.addEventListener("focusin", ({ target }) => {
    if (!target.matches?.(CHART) || chart === target) return;
    const bars = barsOf(target);
    go(target, bars, bars.number - 1, false);
  });
  document.addEventListener("focusout", ({ target }) => target === chart && !isHeld && leave());
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e6, End: 1e6 };
  const press = (event) => {
    const target = event.target;
    const bars = barsOf(target);
    const [first, last] = chart === target ? chosen(bars) : [0, 0];
    if (chart === target && (event.key === "Enter" || event.key === " ")) choose();
    else if (event.key === "Escape" && first < last) go(target, bars, last, false);
    else if (STEPS[event.key]) {
      const at = chart === target ? Math.round((head - bars.start) / bars.width) : bars.number;
      go(target, bars, at + STEPS[event.key], event.shiftKey);
    } else return false;
    return true;
  };
  // Before the page's own keys, which have other uses for Enter and Escape.
  document.addEventListener(
    "keydown",
    (event) => {
      if (!event.target.matches?.(CHART) || event.ctrlKey || event.metaKey || event.altKey || !press(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
})();
