// The header: a press sorts, a drag moves a column, a drag of its edge makes it wider, a double click fits it.
// With the keyboard: arrows move, Enter sorts, with Shift arrows move the column, and with Alt they make it wider.
const FAR = 5; // pixels from which a press is a drag
const STEP = 10; // pixels per key
const WIDEST = 600; // pixels that a column takes to fit its content

export class Head {
  // hooks: arranged() after each change of the layout, kept() when it is over, sorted(), widest(column) in pixels,
  // left(column) downwards, and ticked()
  constructor(columns, sort, hooks) {
    Object.assign(this, { columns, sort, hooks });
    this.element = part("div", "jg-head", "row");
    this.element.ariaRowIndex = 1;
    this.box = tickBox(() => hooks.ticked());
  }
  draw() {
    const focused = this.element.contains(document.activeElement) && document.activeElement.dataset.name;
    this.titles = this.columns.shown.map((column, place) => this.title(column, place));
    this.element.replaceChildren(this.box, ...this.titles);
    if (focused) this.titleOf(focused)?.focus();
  }
  title(column, place) {
    const title = part("div", `jg-title ${column.headerClass ?? ""}`, "columnheader");
    title.ariaColIndex = place + 1;
    title.tabIndex = place ? -1 : 0;
    title.dataset.name = column.name;
    title.append(text(column.header));
    if (column.sort) {
      title.classList.add("jg-sortable");
      title.ariaSort = { [column.sort]: "ascending", [`-${column.sort}`]: "descending" }[this.sort] ?? "none";
    } else title.title = `Filter by ${column.header.toLowerCase()} instead: it has no order that helps.`;
    const edge = part("i", "jg-edge");
    title.append(edge);
    edge.addEventListener("pointerdown", (event) => this.widen(event, column, title));
    edge.addEventListener("dblclick", () => this.fit(column));
    title.addEventListener("pointerdown", (event) => {
      this.isDragging = event.target === edge; // its click may reach the title
      if (!this.isDragging) this.drag(event, column);
    });
    title.addEventListener("click", () => {
      if (!this.isDragging) this.toggle(column);
      this.isDragging = false;
    });
    title.addEventListener("keydown", (event) => this.key(event, column, title));
    return title;
  }
  // "true": all rows, "mixed": some of them
  tick(state) {
    const button = this.box.firstChild;
    if (button.ariaChecked === state) return;
    button.ariaChecked = state;
    button.ariaLabel = button.title = state === "false" ? "Select all loaded jobs" : "Select none";
  }
  titleOf(name) {
    return this.titles.find((title) => title.dataset.name === name);
  }
  toggle(column) {
    if (!column.sort) return;
    const [rising, falling] = [column.sort, `-${column.sort}`];
    // A name is looked for from A on, all else from the newest, longest or most on.
    const [first, other] = column.sort === "user" ? [rising, falling] : [falling, rising];
    this.turn(this.sort === first ? other : first);
  }
  turn(sort) {
    this.sort = sort;
    this.draw();
    this.hooks.sorted();
  }
  fit(column) {
    this.resize(column, Math.min(WIDEST, this.hooks.widest(column)));
    this.hooks.kept();
  }
  resize(column, width) {
    this.columns.resize(column, width);
    this.hooks.arranged();
  }
  widen(event, column, title) {
    const start = title.offsetWidth - event.clientX;
    follow(
      event,
      ({ clientX }) => this.resize(column, start + clientX),
      () => this.hooks.kept(),
    );
  }
  drag(event, column) {
    if (this.columns.isNarrow) return; // its places are fixed
    let moved = false;
    follow(
      event,
      ({ clientX }) => {
        moved ||= Math.abs(clientX - event.clientX) > FAR;
        if (!moved) return;
        this.isDragging = true;
        this.moveTo(column, clientX);
      },
      () => moved && this.hooks.kept(),
    );
  }
  moveTo(column, x) {
    const own = this.titleOf(column.name).getBoundingClientRect();
    const place = this.titles.findIndex((title) => {
      const { left, right } = title.getBoundingClientRect();
      // a column jumps only where it stays under the pointer, however wide its neighbour is
      return x < own.left ? x >= left && x < left + own.width : x > own.right && x < right && x >= right - own.width;
    });
    if (place >= 0) this.move(column, this.columns.shown[place]);
  }
  move(column, other) {
    this.columns.move(column, other);
    this.hooks.arranged();
  }
  key(event, column, title) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { shown } = this.columns;
    const other = shown[shown.indexOf(column) + step];
    let act = null;
    if (event.key === "Enter" || event.key === " ") act = () => this.toggle(column);
    else if (event.key === "ArrowDown") act = () => this.hooks.left(column);
    else if (step && event.altKey) act = () => this.resize(column, title.offsetWidth + step * STEP);
    else if (step && event.shiftKey) act = () => other && this.move(column, other);
    else if (step) act = () => other && this.titleOf(other.name).focus();
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
    if (step && (event.altKey || event.shiftKey)) this.hooks.kept();
  }
}

function tickBox(pressed) {
  const box = part("div", "jg-tick-all", "columnheader");
  const button = part("button", "jg-tick", "checkbox");
  button.type = "button";
  button.addEventListener("click", pressed);
  box.append(button);
  return box;
}

// Follows the pointer from a press until it is let go, wherever that is.
function follow(event, moved, ended) {
  if (event.button) return;
  const over = new AbortController();
  const end = (last) => {
    over.abort();
    if (last.type === "pointerup") ended();
  };
  document.addEventListener("pointermove", moved, { signal: over.signal });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, end, { signal: over.signal });
}

export function part(tag, classes, role) {
  const element = document.createElement(tag);
  element.className = classes;
  if (role) element.role = role;
  return element;
}
export function text(content) {
  const element = part("span", "");
  element.textContent = content;
  return element;
}
