// The columns of components/jobs/columns.py, in the order and with the widths that a person gave them.
import {
  AttemptCell,
  DurationCell,
  KindCell,
  OutcomeCell,
  StatusCell,
  TextCell,
  TimeCell,
  UserCell,
  WaitCell,
} from "job-grid/cells.js";
import { NEWEST_FIRST } from "job-grid/source.js";

const renderers = {
  attempt: AttemptCell,
  duration: DurationCell,
  kind: KindCell,
  outcome: OutcomeCell,
  status: StatusCell,
  text: TextCell,
  time: TimeCell,
  user: UserCell,
  wait: WaitCell,
};
const looks = {
  plain: {},
  quiet: { cellClass: "jg-quiet" },
  error: { cellClass: "jg-error" },
  number: { headerClass: "jg-right", cellClass: "jg-number" },
};
const NARROWEST = 36; // pixels
const LIMIT = 4_000; // as in core/job_list/columns.py
// Words can be cut: where there is no room for all columns, as beside an open job, those of the usual width become
// narrower, to this share, before the list scrolls sideways. A width that a person gave stays.
const CUT = ["status", "kind", "user", "text"];
const SHARE = 0.62;

const narrowest = ({ flex, least, width, usual }) => {
  if (flex) return least;
  return width === usual ? Math.max(least, Math.round(width * SHARE)) : width;
};

const bounded = ({ least }, width) => Math.min(LIMIT, Math.max(least, width));

export class Columns {
  constructor(columns, layout) {
    this.isNarrow = false;
    this.first = columns.map((column) => ({
      ...column,
      ...looks[column.look],
      cell: renderers[column.renderer],
      least: column.min_width ?? NARROWEST,
      flex: column.is_elastic ? 1 : null,
      usual: CUT.includes(column.renderer) ? column.width : null,
      hide: column.is_hidden,
    }));
    this.reset();
    if (layout?.length) this.arrange(layout);
  }
  reset() {
    this.all = this.first.map((column) => ({ ...column }));
  }
  // Takes what `state` gave; columns that it does not name keep their place behind the others.
  arrange(layout) {
    const byId = new Map(this.all.map((column) => [column.name, column]));
    const known = layout.flatMap((kept) => {
      const column = byId.get(kept?.name);
      if (!column) return [];
      byId.delete(column.name);
      const width = bounded(column, Number(kept.width) || column.width);
      return Object.assign(column, { width, hide: Boolean(kept.hide), flex: kept.flex ?? null });
    });
    this.all = [...known, ...byId.values()];
    if (!this.shown.length) this.reset();
  }
  get state() {
    return this.all.map(({ name, width, hide, flex }) => ({ name, width, hide, flex }));
  }
  get shown() {
    return this.all.filter((column) => (this.isNarrow ? column.is_in_narrow : !column.hide || this.isSorted(column)));
  }
  get template() {
    return this.shown
      .map((column) => `minmax(${narrowest(column)}px, ${column.flex ? `${column.flex}fr` : `${column.width}px`})`)
      .join(" ");
  }
  // The pixels below which the list scrolls sideways.
  get least() {
    return this.shown.reduce((sum, column) => sum + narrowest(column), 0);
  }
  show(name, visible) {
    const isLast = this.all.filter((column) => !column.hide).length === 1;
    for (const column of this.all) if (column.name === name && (visible || !isLast)) column.hide = !visible;
  }
  // A list whose order nobody sees looks as if it had none; the order that it has by itself needs no column. What is
  // shown for that alone is no arrangement of a person's, and goes with the order.
  showSorted(sort) {
    this.sorted = sort === NEWEST_FIRST ? null : sort.replace("-", "");
  }
  isSorted({ sort }) {
    return Boolean(sort) && sort === this.sorted;
  }
  resize(column, width) {
    Object.assign(column, { width: bounded(column, Math.round(width)), flex: null });
  }
  // Puts a column at the place of another one that is shown.
  move(column, other) {
    const to = this.all.indexOf(other);
    this.all.splice(this.all.indexOf(column), 1);
    this.all.splice(to, 0, column);
  }
}
