// The list: rows on the screen as elements, used again for others when it scrolls, below a header that stays.
import { Head, part } from "job-grid/head.js";

// Pixels of a row and of the header, as in look.js: where a list is narrow, a row has two lines, and is for fingers.
const WIDE = { row: 26, head: 29 };
const TWO_LINES = { row: 56, head: 45 };
const NARROW = 560; // pixels of a list's width
const SPARE = 4; // rows drawn above and below the screen
const TALLEST = 15_000_000; // pixels; browsers limit an element's height: a longer list scrolls in larger steps
const PADDING = 20; // pixels of a cell beside its content
const MOST_SELECTED = 5_000; // one by one, as in ui/api/job_ranges.py; beyond, all that match are acted on
const PATIENCE = 50; // milliseconds for which a scrollbar rests before rows are asked for

// An empty row, of which each line is a copy: that is quicker than making each cell.
function pattern(columns) {
  const row = part("div", "jg-row", "row");
  const tick = part("div", "jg-tick");
  tick.ariaHidden = true; // the row itself says whether it is selected
  row.append(tick);
  columns.forEach(({ name, cellClass = "" }, place) => {
    const cell = part("div", `jg-cell ${cellClass}`, "gridcell");
    Object.assign(cell, { ariaColIndex: place + 1, tabIndex: -1 });
    cell.dataset.name = name;
    row.append(cell);
  });
  return row;
}

class Line {
  constructor(columns, element) {
    this.element = element;
    this.cells = new Map(
      columns.map((column, place) => [column.name, new column.cell(column, element.children[place + 1])]),
    );
  }
  show(index, row, top) {
    const { element } = this;
    element.style.top = `${top}px`;
    if (this.index !== index) {
      this.index = index;
      element.ariaRowIndex = index + 2;
      element.setAttribute("row-index", index);
    }
    if (this.row === row && this.shown) return;
    this.row = row;
    this.shown = true;
    element.setAttribute("row-id", row?.id ?? "");
    element.classList.toggle("jg-row-left", Boolean(row?._left));
    for (const cell of this.cells.values()) cell.show(row);
  }
  mark(isSelected, at) {
    if (this.isSelected !== isSelected) this.element.ariaSelected = this.isSelected = isSelected;
    this.element.classList.toggle("jg-at", Boolean(at));
    if (this.tabbed) this.tabbed.tabIndex = -1;
    this.tabbed = at && this.cells.get(at.name)?.element;
    if (this.tabbed) this.tabbed.tabIndex = 0;
  }
  remove() {
    this.element.remove();
    for (const cell of this.cells.values()) cell.destroy();
  }
}

// Whether a person has marked text, as to copy it: the end of that is no press.
const marked = () => Boolean(getSelection()?.toString());

export class List {
  // hooks: arranged(), sorted(), selected(), opened(row), moved(), menu(row, x, y), refused(sentence), and
  // between(id, other), which gives the ids of the rows between two
  constructor(host, columns, blocks, sort, hooks) {
    Object.assign(this, { columns, blocks, hooks });
    this.lines = new Map(); // by index
    this.selected = new Set(); // ids
    this.everything = false; // all that match are selected, whichever they are
    this.at = null; // index and column's name of the cell at the cursor
    this.anchor = null; // index and id of the row where Shift selects from
    this.range = [0, 0]; // rows on the screen
    this.view = part("div", "jg-view", "grid");
    this.view.ariaLabel = "Jobs";
    this.view.ariaMultiSelectable = true;
    this.body = part("div", "jg-body", "rowgroup");
    this.head = new Head(columns, sort, {
      arranged: () => this.arrange(),
      kept: () => hooks.arranged(),
      sorted: () => hooks.sorted(),
      widest: (column) => this.widest(column),
      left: (column) => this.focus(0, column.name),
      ticked: () => this.tickAll(),
    });
    this.arrange();
    this.view.append(this.head.element, this.body);
    host.append(this.view);
    this.fit();
    this.listen();
  }
  listen() {
    const { blocks, body, view } = this;
    blocks.changed = () => {
      this.follow();
      this.draw();
    };
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(view);
    view.addEventListener("scroll", () => {
      this.draw({ asks: false });
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.ask(), PATIENCE);
    });
    const lineOf = ({ target }) => this.lines.get(Number(target.closest(".jg-row")?.getAttribute("row-index") ?? -1));
    body.addEventListener("focusin", (event) => {
      const { index, row } = lineOf(event);
      this.at = { index, name: event.target.closest(".jg-cell").dataset.name, id: row?.id };
      this.draw();
    });
    body.addEventListener("click", (event) => this.press(lineOf(event), event));
    body.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const row = lineOf(event)?.row;
      if (row) this.hooks.menu(row, event.clientX, event.clientY);
    });
    body.addEventListener("keydown", (event) => this.key(event));
    // Shift selects rows, not the text between two presses.
    body.addEventListener("mousedown", (event) => {
      if (!event.shiftKey) return;
      event.preventDefault();
      event.target.closest(".jg-cell")?.focus({ preventScroll: true });
    });
    body.addEventListener("copy", (event) => this.copy(event));
  }
  destroy() {
    clearTimeout(this.resting);
    this.blocks.changed = () => {};
    this.resized.disconnect();
    this.removeLines();
    this.view.remove();
  }
  removeLines() {
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
  }

  // ---- drawing ---------------------------------------------------------------------------------------------------
  get sizes() {
    return this.columns.isNarrow ? TWO_LINES : WIDE;
  }
  // Takes the form for its width; the row at the top stays there.
  fit() {
    const { columns, view } = this;
    const isNarrow = view.offsetWidth < NARROW;
    if (view.offsetWidth && isNarrow !== columns.isNarrow) {
      const top = (view.scrollTop * this.measure().scale) / this.sizes.row;
      columns.isNarrow = isNarrow;
      view.classList.toggle("jg-narrow", isNarrow);
      if (this.at) this.at.name = columns.shown[0].name;
      this.arrange();
      view.scrollTop = (top * this.sizes.row) / this.measure().scale;
    }
    this.draw();
  }
  arrange() {
    const { shown, least, template } = this.columns;
    const names = shown.map((column) => column.name).join();
    if (this.names !== names) {
      this.names = names;
      this.pattern = null;
      this.removeLines();
      this.head.draw();
    }
    this.view.ariaColCount = shown.length;
    this.view.style.setProperty("--columns", template);
    this.view.style.setProperty("--least", `${least}px`);
    this.draw();
  }
  // The pixels of rows that are seen, of all rows, of the element, and of rows for each pixel of the scrollbar.
  measure() {
    const height = Math.max(0, this.view.clientHeight - this.sizes.head);
    const whole = this.blocks.count * this.sizes.row;
    const tall = Math.min(whole, TALLEST);
    return { height, tall, scale: tall < whole ? (whole - height) / (tall - height) : 1 };
  }
  draw({ asks = true } = {}) {
    const { blocks, view } = this;
    if (!view.isConnected) return;
    const { row: rowHeight } = this.sizes;
    const { scrollTop } = view; // read before anything is changed, which would have the browser lay out twice
    const { height, tall, scale } = this.measure();
    const seen = Math.min(scrollTop, Math.max(0, tall - height)) * scale; // a browser rounds where a long list ends
    const first = Math.max(0, Math.floor(seen / rowHeight) - SPARE);
    const last = Math.min(blocks.count - 1, Math.floor((seen + height) / rowHeight) + SPARE);
    this.body.style.height = `${tall}px`;
    view.ariaRowCount = blocks.count + 1;
    this.range = [Math.min(first + SPARE, blocks.count), Math.max(0, last - SPARE)];
    const free = this.take((index) => (index < first || index > last) && index !== this.at?.index);
    for (let index = first; index <= last; index++) {
      if (!this.lines.has(index)) this.lines.set(index, free.pop() ?? this.line());
    }
    for (const line of free) line.remove();
    const shift = Math.round(scrollTop - seen);
    for (const [index, line] of this.lines) {
      const row = blocks.row(index);
      line.show(index, row, index * rowHeight + shift);
      line.mark(this.isSelected(row), index === this.at?.index && this.at);
    }
    const { size } = this.selected;
    this.head.tick(this.everything || (size && size >= blocks.count) ? "true" : size ? "mixed" : "false");
    if (asks) this.ask();
  }
  take(isFree) {
    const free = [...this.lines].filter(([index]) => isFree(index) || index >= this.blocks.count);
    for (const [index] of free) this.lines.delete(index);
    return free.map(([, line]) => line);
  }
  line() {
    this.pattern ??= pattern(this.columns.shown);
    const line = new Line(this.columns.shown, this.pattern.cloneNode(true));
    this.body.append(line.element);
    return line;
  }
  ask() {
    this.blocks.need(...this.range);
    this.view.ariaBusy = !this.blocks.count && this.blocks.loading.size > 0;
  }
  reveal(index, { atTop = false } = {}) {
    const { height, scale } = this.measure();
    const { row } = this.sizes;
    const [top, seen] = [index * row, this.view.scrollTop * scale];
    if (atTop || top < seen) this.view.scrollTop = top / scale;
    else if (top + row > seen + height) this.view.scrollTop = (top + row - height) / scale;
    this.draw();
  }
  widest(column) {
    const range = document.createRange();
    const cells = [...this.lines.values()].map((line) => line.cells.get(column.name).element);
    const widths = [this.head.titleOf(column.name).firstChild, ...cells].map((each) => {
      range.selectNodeContents(each);
      return range.getBoundingClientRect().width;
    });
    return Math.max(...widths) + PADDING;
  }

  // ---- the cursor and the selection ------------------------------------------------------------------------------
  focus(index, name) {
    if (index < 0 || index >= this.blocks.count) return;
    this.at = { index, name: name ?? this.at?.name ?? this.columns.shown[0].name, id: this.blocks.row(index)?.id };
    this.reveal(index);
    const cell = this.lines.get(index)?.cells.get(this.at.name)?.element;
    cell?.focus({ preventScroll: true });
    cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  // The cursor stays at its job, and Shift selects from it, when others come or go above it.
  follow() {
    if (!this.at) return;
    const { index, id, name } = this.at;
    const place = this.blocks.places.get(id) ?? index;
    this.at.id = this.blocks.row(place)?.id ?? id;
    if (place === index) return;
    const hasFocus = this.body.contains(document.activeElement);
    this.at.index = place;
    this.draw();
    if (hasFocus) this.lines.get(place)?.cells.get(name)?.element.focus({ preventScroll: true });
  }
  get row() {
    return this.at ? this.blocks.row(this.at.index) : undefined;
  }
  select(ids, { everything = false } = {}) {
    const chosen = new Set(ids);
    if (chosen.size > MOST_SELECTED) {
      this.refuse();
      return;
    }
    this.choice = {}; // what an earlier press still asks for is dropped
    Object.assign(this, { selected: chosen, everything });
    this.draw();
    this.hooks.selected();
  }
  refuse() {
    const most = MOST_SELECTED.toLocaleString("en");
    this.hooks.refused(`At most ${most} jobs are selected one by one. Narrow the filter, and act on all that match.`);
  }
  isSelected(row) {
    return Boolean(row) && (this.everything || this.selected.has(row.id));
  }
  get isAny() {
    return this.everything || this.selected.size > 0;
  }
  // All rows that are loaded; or none, if any is selected.
  tickAll() {
    this.select(this.isAny ? [] : this.blocks.ids);
  }
  // Of other rows, none is at the cursor, and Shift selects from none.
  leave() {
    this.at = this.anchor = null;
  }
  toggle(id) {
    const chosen = this.everything ? this.blocks.ids : [...this.selected];
    const others = chosen.filter((each) => each !== id);
    this.select(others.length < chosen.length ? others : [...others, id]);
  }
  // Selects from the last row that was pressed to this one.
  async extend(index, before = []) {
    this.anchor ??= { index, id: this.blocks.row(index)?.id };
    await this.add(before, this.blocks.places.get(this.anchor.id) ?? this.anchor.index, index);
  }
  async add(before, from, to) {
    const choice = {};
    this.choice = choice;
    const ids = await this.between(Math.min(from, to), Math.max(from, to));
    if (ids && choice === this.choice) this.select([...before, ...ids]);
  }
  press(line, event) {
    if (!line?.row || event.target.closest("a") || marked()) return;
    const isTick = event.target.classList.contains("jg-tick");
    const adds = event.ctrlKey || event.metaKey || isTick;
    if (event.shiftKey) {
      this.extend(line.index, adds ? [...this.selected] : []);
      return;
    }
    this.anchor = { index: line.index, id: line.row.id };
    if (adds) this.toggle(line.row.id);
    else {
      this.select([line.row.id]);
      this.hooks.opened(line.row);
    }
  }
  // Without marked text, the cell at the cursor is copied.
  copy(event) {
    const cell = event.target.closest?.(".jg-cell") ?? document.activeElement;
    if (marked() || !cell?.textContent) return;
    event.clipboardData.setData("text/plain", cell.textContent);
    event.preventDefault();
  }
  key(event) {
    const act = event.altKey ? null : this.action(event);
    if (!act) return;
    event.preventDefault();
    act();
  }
  action({ key, shiftKey, ctrlKey, metaKey }) {
    const { index, name } = this.at;
    const far = ctrlKey || metaKey;
    const last = this.blocks.count - 1;
    const page = Math.max(1, this.range[1] - this.range[0]);
    const down = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last }[key];
    const right = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (key === "ArrowUp" && index === 0) return () => this.head.titleOf(name)?.focus();
    if (down) {
      const to = far ? (down > 0 ? last : 0) : Math.min(last, Math.max(0, index + down));
      return () => this.step(to, shiftKey);
    }
    if (right) return () => this.focus(index, this.beside(name, far ? right * this.columns.all.length : right));
    if (key === " " && this.row) return () => (shiftKey ? this.extend(index) : this.toggle(this.row.id));
    return null;
  }
  // With `selects`, all rows that the cursor passes are selected too.
  async step(index, selects) {
    const from = this.at?.index ?? index - 1;
    this.focus(index);
    this.hooks.moved();
    if (!selects || from === index) return;
    await this.add([...this.selected], from < index ? from + 1 : from - 1, index);
  }
  // The ids of these rows. Where not all of them are loaded, the server says which they are; null: it cannot.
  async between(first, last) {
    const { blocks } = this;
    if (last - first < MOST_SELECTED) {
      const ids = Array.from({ length: last - first + 1 }, (_, place) => blocks.row(first + place)?.id);
      if (ids.every(Boolean)) return ids;
    }
    const ends = [];
    for (const place of [first, last]) {
      if (!blocks.row(place)) await blocks.fill(place, place);
      ends.push(blocks.row(place)?.id);
    }
    const found = ends.every(Boolean) ? await this.hooks.between(...ends) : null;
    if (found?.more) this.refuse();
    return found?.more ? null : found?.ids;
  }
  beside(name, steps) {
    const names = this.columns.shown.map((column) => column.name);
    return names[Math.min(names.length - 1, Math.max(0, names.indexOf(name) + steps))];
  }

  // ---- what stays when the page is left --------------------------------------------------------------------------
  get state() {
    const { selected, everything, at, anchor } = this;
    const { scrollTop, scrollLeft } = this.view;
    return { scrollTop, scrollLeft, selected, everything, at, anchor };
  }
  restore({ scrollTop, scrollLeft, ...rest }) {
    Object.assign(this, rest);
    this.draw({ asks: false }); // gives the body its height
    Object.assign(this.view, { scrollTop, scrollLeft });
    this.draw();
  }
}
