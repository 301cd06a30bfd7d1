// The columns of components/jobs/columns.py, as AG Grid wants them.
import { AttemptCell, DurationCell, ProgressCell, StatusCell, TextCell, TimeCell, UserCell } from "job-grid/cells.js";

const renderers = {
  attempt: AttemptCell,
  duration: DurationCell,
  progress: ProgressCell,
  status: StatusCell,
  text: TextCell,
  time: TimeCell,
  user: UserCell,
};
const looks = {
  plain: {},
  quiet: { cellClass: "jg-quiet" },
  error: { cellClass: "jg-error" },
  number: { headerClass: "ag-right-aligned-header", cellClass: "jg-number" },
};

// `sort` is a column's name, with a minus in front for descending order.
export const columnDefs = (columns, sort) =>
  columns.map((column) => ({
    colId: column.name,
    field: column.name,
    headerName: column.header,
    width: column.width,
    cellRenderer: renderers[column.renderer],
    ...looks[column.look],
    ...(column.reads.length && { valueGetter: ({ data }) => column.reads.map((name) => data?.[name]).join(" ") }),
    ...(column.min_width && { minWidth: column.min_width }),
    ...(column.is_elastic && { flex: 1 }),
    ...(column.is_sortable && { sortable: true, sortingOrder: ["desc", "asc"], sort: order(column.name, sort) }),
  }));

const order = (name, sort) => (sort === name ? "asc" : sort === `-${name}` ? "desc" : null);
