// The first rows as plain elements, painted while AG Grid is loaded behind them: the same cells at the same place.

const ROW = 26; // pixels, as in look.js

export class PlainRows {
  constructor(host, defs, layout, open) {
    this.host = host;
    this.columns = arranged(defs, layout);
    this.open = open;
    this.cells = [];
  }

  show(rows) {
    this.body = line("jg-first");
    // The grid that replaces them in a moment is what screen readers and the keyboard find.
    this.body.setAttribute("aria-hidden", "true");
    const header = line("jg-first-header");
    for (const column of this.columns) header.append(cell(column, document.createTextNode(column.headerName)));
    this.body.append(header);
    const visible = Math.ceil(this.host.clientHeight / ROW);
    for (const row of rows.slice(0, visible)) this.body.append(this.row(row));
    this.host.append(this.body);
  }

  row(data) {
    const element = line("jg-first-row");
    element.addEventListener("click", () => this.open(data.id));
    for (const column of this.columns) {
      const drawn = new column.cellRenderer();
      drawn.init({ data, colDef: column });
      this.cells.push(drawn);
      element.append(cell(column, drawn.getGui()));
    }
    return element;
  }

  remove() {
    this.body?.remove();
    for (const each of this.cells) each.destroy?.();
    this.cells = [];
  }
}

// The columns in the order and with the widths that a person left.
function arranged(defs, layout) {
  if (!layout) return defs;
  const byId = new Map(defs.map((column) => [column.colId, column]));
  const kept = layout.filter((state) => byId.has(state.colId) && !state.hide);
  return kept.map((state) => ({ ...byId.get(state.colId), width: state.width, flex: state.flex }));
}

function line(name) {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

function cell(column, content) {
  const element = line(`jg-first-cell ${column.cellClass ?? ""}`);
  element.style.flex = column.flex ? `1 0 ${column.minWidth ?? 0}px` : `0 0 ${column.width}px`;
  element.append(content);
  return element;
}
