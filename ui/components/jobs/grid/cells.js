// Cells: plain elements, text nodes only, changed in place. Those that show a time are drawn once a second.
import { ago, count, duration, exact, until, wait } from "job-grid/words.js";

export const ticking = new Set();
export const tick = () => {
  for (const cell of ticking) cell.tick();
};

// Marks of direction are shown as what they are: invisible, they change the order of the text around them.
const visible = (text) =>
  String(text).replace(
    /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (mark) => `[U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`,
  );
const put = (node, content) => {
  const text = visible(content);
  if (node.textContent !== text) node.textContent = text;
};
const hint = (node, text) => {
  if (node.title !== text) node.title = text;
};

class Cell {
  constructor(column, element) {
    this.field = column.name;
    this.classes = element.className;
    this.element = element;
    this.build();
  }
  look(name) {
    this.element.className = `${this.classes} ${name}`;
  }
  build() {}
  destroy() {}
  // Without a row, which is still being loaded, it is empty.
  show(row) {
    this.row = row;
    this.draw();
  }
}

class TickingCell extends Cell {
  build() {
    ticking.add(this);
  }
  destroy() {
    ticking.delete(this);
  }
  tick() {
    this.draw();
  }
}

// With the time until a job that waits for its time is due; the exact one is its hint.
export class StatusCell extends TickingCell {
  draw() {
    const word = this.row?.label ?? "";
    const isHandled = this.row?.situation === "handled";
    const due = until(this.row);
    this.look(word ? `jg-status jg-${isHandled ? "handled" : word}` : "");
    put(this.element, isHandled ? `${word} ✓` : due ? `${word} ${due}` : word);
    const left = `Now ${word}: no longer matches the filter. The next refresh removes it.`;
    const more = isHandled ? "Handled: other work has come after it." : due && `Due ${exact(this.row.run_at)}`;
    hint(this.element, this.row?._left ? left : more);
  }
}

class LinkCell extends Cell {
  build() {
    this.link = document.createElement("a");
    this.link.tabIndex = -1; // the cell is at the cursor
    this.words = document.createElement("span");
    this.element.append(this.link, this.words);
  }
  lead(text, address) {
    if (text) this.link.href = `${window.path_prefix ?? ""}${address}`;
    else this.link.removeAttribute("href");
    put(this.link, text);
    hint(this.element, text);
  }
}

// By its label; its name, by which it is filtered, is the hint.
export class KindCell extends LinkCell {
  constructor(column, element) {
    super(column, element);
    this.labels = column.labels ?? {};
  }
  draw() {
    const kind = this.row?.kind ?? "";
    const named = /^[\w.-]+$/.test(kind) ? kind : JSON.stringify(kind);
    this.lead(this.labels[kind] ?? kind, `/jobs?q=kind:${encodeURIComponent(named)}`);
    hint(this.element, kind);
  }
}

export class UserCell extends LinkCell {
  draw() {
    const row = this.row;
    const email = row?.user_email ?? "";
    this.look(row && !email ? "jg-muted" : "");
    this.lead(email, `/users/${row?.user_id}`);
    put(this.words, row && !email ? (row.user_id ? "deleted user" : "no user") : "");
  }
}

// How far a job is while it runs, then the first line of what went wrong.
export class OutcomeCell extends Cell {
  build() {
    this.bar = document.createElement("span");
    this.fill = document.createElement("i");
    this.text = document.createElement("b");
    this.bar.append(this.fill, this.text);
    this.words = document.createElement("span");
    this.element.append(this.bar, this.words);
  }
  draw() {
    const row = this.row ?? {};
    const isMoving = row.status === "running" && row.progress_total > 0;
    const error = isMoving ? "" : (row.error ?? "");
    put(this.words, error.split("\n", 1)[0]);
    hint(this.element, error);
    this.look(error || isMoving ? "jg-told" : "");
    this.measure(row, isMoving);
  }
  measure({ progress_done: done = 0, progress_total: total = 0, progress_message: message, label }, isMoving) {
    const share = isMoving ? Math.min(1, done / total) : 0;
    const percent = share < 1 ? Math.floor(share * 100) : 100;
    this.bar.className = isMoving ? `jg-progress jg-${label}` : "";
    this.fill.style.width = `${share * 100}%`;
    put(this.text, isMoving ? `${percent}%` : "");
    hint(this.bar, isMoving ? `${count(done)} / ${count(total)}${message ? ` · ${message}` : ""}` : "");
    if (!isMoving) {
      for (const name of ["role", "aria-label", "aria-valuenow"]) this.bar.removeAttribute(name);
      return;
    }
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", "Progress");
    this.bar.setAttribute("aria-valuenow", percent);
  }
}

// The exact time is its hint, once somebody points at it: a format takes a browser longer to make than all rows.
export class TimeCell extends TickingCell {
  build() {
    super.build();
    for (const pointed of ["pointerenter", "focus"])
      this.element.addEventListener(pointed, () => hint(this.element, exact(this.at)));
  }
  show(row) {
    const was = this.at;
    this.at = row?.[this.field];
    if (this.at !== was) hint(this.element, "");
    super.show(row);
  }
  draw() {
    put(this.element, ago(this.at));
  }
}

export class DurationCell extends TickingCell {
  draw() {
    put(this.element, duration(this.row));
  }
}

export class WaitCell extends TickingCell {
  draw() {
    put(this.element, wait(this.row));
  }
}

export class AttemptCell extends Cell {
  draw() {
    const row = this.row;
    put(this.element, row ? `${row.attempt}/${row.max_attempts}` : "");
    this.look(row?.attempt > 1 ? "jg-again" : "jg-muted");
  }
}

export class TextCell extends Cell {
  draw() {
    const text = this.row?.[this.field] ?? "";
    put(this.element, text);
    hint(this.element, text);
  }
}
