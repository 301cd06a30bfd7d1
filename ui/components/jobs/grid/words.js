// Numbers and times as people read them. Text only; the exact value goes into a title.
const seconds = { s: 1, min: 60, h: 3600, day: 86400 };
// The first format takes a browser as long as all rows, and most pages need none at first.
const formats = (options) => {
  let format;
  return (at) => {
    format ??= new Intl.DateTimeFormat(undefined, options);
    return format.format(at);
  };
};
const exactly = formats({ dateStyle: "medium", timeStyle: "long" });
const moment = formats({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

// A page of its own, without the console's script, has only the browser's clock.
const now = () => (window.serverNow ? window.serverNow() : Date.now());
export const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
export const exact = (iso) => (iso ? exactly(new Date(iso)) : "");

// "12 s ago", "3 h ago", and from a day on the date: "Nov 20, 14:02".
export function ago(iso) {
  if (!iso) return "";
  const age = (now() - Date.parse(iso)) / 1000;
  // A page of its own, without the console's script, has only the date.
  const span = window.spanWords;
  if (!span || age >= seconds.day) return moment(new Date(iso));
  if (age < 0) return `in ${span(-age, Math.round)}`;
  return age < 1 ? "just now" : `${span(age)} ago`;
}

// "in 34 h" while a waiting job is not due yet.
export const until = (row) => (row?.status === "queued" && Date.parse(row.run_at) > now() ? ago(row.run_at) : "");

// How long a job ran, or has been running: "840 ms", "12.4 s", "3 min 05 s", "2 h 10 min".
export function duration(row) {
  if (!row?.started_at) return "";
  const end = row.finished_at ? Date.parse(row.finished_at) : row.status === "running" ? now() : null;
  return end === null ? "" : lasted(end - Date.parse(row.started_at), row.finished_at);
}

// How long a job waited until its work began, or has been waiting since it is due.
export function wait(row) {
  if (!row) return "";
  const due = Date.parse(row.run_at);
  if (!row.started_at) return row.status === "queued" && due <= now() ? lasted(now() - due, false) : "";
  const begun = Date.parse(row.started_at);
  return lasted(begun - (due <= begun ? due : Date.parse(row.created_at)), true);
}

function lasted(ms, isOver) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1 && isOver) return `${Math.round(s * 1000)} ms`;
  if (s < seconds.min) return isOver ? `${s.toFixed(1)} s` : `${Math.floor(s)} s`;
  if (s < seconds.h) return `${Math.floor(s / 60)} min ${String(Math.floor(s) % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / seconds.h)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} min`;
}
