// Cells: plain elements, text nodes only, changed in place. Those that show a time are drawn once a second.
import { ago, count, duration, exact } from "job-grid/words.js";

export const ticking = new Set();
export const tick = () => {
  for (const cell of ticking) cell.draw();
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
  init(params) {
    this.eGui = document.createElement("span");
    this.build();
    this.refresh(params);
  }
  build() {}
  getGui() {
    return this.eGui;
  }
  refresh(params) {
    this.row = params.data;
    this.field = params.colDef?.field;
    this.draw();
    return true;
  }
}

export class StatusCell extends Cell {
  draw() {
    const word = this.row?.label ?? "";
    this.eGui.className = word ? `jg-status jg-${word}` : "";
    put(this.eGui, word);
    hint(this.eGui, this.row?._left ? `Now ${word}: no longer matches the filter. The next refresh removes it.` : "");
  }
}

export class UserCell extends Cell {
  draw() {
    const row = this.row;
    this.eGui.className = row && !row.user_email ? "jg-muted" : "";
    put(this.eGui, row ? (row.user_email ?? (row.user_id ? "deleted user" : "no user")) : "");
    hint(this.eGui, row?.user_email ?? "");
  }
}

export class ProgressCell extends Cell {
  build() {
    this.fill = document.createElement("i");
    this.text = document.createElement("b");
    this.eGui.append(this.fill, this.text);
  }
  draw() {
    const {
      progress_done: done = 0,
      progress_total: total = 0,
      progress_message: message = "",
      label,
    } = this.row ?? {};
    const share = total ? Math.min(1, done / total) : 0;
    const percent = share < 1 ? Math.floor(share * 100) : 100;
    this.eGui.className = total ? `jg-progress jg-${label}` : "jg-muted";
    this.fill.style.width = `${share * 100}%`;
    put(this.text, total ? `${percent}%` : "");
    hint(this.eGui, total ? `${count(done)} / ${count(total)}${message ? ` · ${message}` : ""}` : "");
    if (!total) {
      for (const name of ["role", "aria-label", "aria-valuenow"]) this.eGui.removeAttribute(name);
      return;
    }
    this.eGui.setAttribute("role", "progressbar");
    this.eGui.setAttribute("aria-label", "Progress");
    this.eGui.setAttribute("aria-valuenow", percent);
  }
}

class TickingCell extends Cell {
  build() {
    ticking.add(this);
  }
  destroy() {
    ticking.delete(this);
  }
}

export class TimeCell extends TickingCell {
  draw() {
    const at = this.row?.[this.field];
    put(this.eGui, ago(at));
    hint(this.eGui, exact(at));
  }
}

export class DurationCell extends TickingCell {
  draw() {
    put(this.eGui, duration(this.row));
  }
}

export class AttemptCell extends Cell {
  draw() {
    const row = this.row;
    put(this.eGui, row ? `${row.attempt}/${row.max_attempts}` : "");
    this.eGui.className = row?.attempt > 1 ? "jg-again" : "jg-muted";
  }
}

export class TextCell extends Cell {
  draw() {
    const text = this.row?.[this.field] ?? "";
    put(this.eGui, text);
    hint(this.eGui, text);
  }
}
