// The columns, in the order in which they are shown unless a person chose another.
import { AttemptCell, DurationCell, ProgressCell, StatusCell, TextCell, TimeCell, UserCell } from "job-grid/cells.js";

const column = (field, headerName, width, cellRenderer, more = {}) => ({
  colId: field,
  field,
  headerName,
  width,
  cellRenderer,
  ...more,
});
const number = { headerClass: "ag-right-aligned-header", cellClass: "jg-number" };
const quiet = { cellClass: "jg-quiet" };

export const columns = () => [
  column("label", "Status", 104, StatusCell, { minWidth: 90 }),
  column("kind", "Kind", 124, TextCell),
  column("user_email", "User", 214, UserCell),
  column("progress", "Progress", 104, ProgressCell, {
    valueGetter: (p) => `${p.data?.progress_done} ${p.data?.progress_total} ${p.data?.label}`,
  }),
  column("attempt", "Attempt", 66, AttemptCell, {
    ...number,
    valueGetter: (p) => `${p.data?.attempt}/${p.data?.max_attempts}`,
  }),
  column("queue", "Queue", 78, TextCell, quiet),
  column("created_at", "Created", 104, TimeCell, { sortable: true, sort: "desc", sortingOrder: ["desc", "asc"] }),
  column("started_at", "Started", 104, TimeCell, quiet),
  column("duration", "Duration", 88, DurationCell, {
    ...number,
    valueGetter: (p) => `${p.data?.started_at} ${p.data?.finished_at} ${p.data?.status}`,
  }),
  column("worker", "Worker", 112, TextCell, quiet),
  column("error", "Error", 260, TextCell, { flex: 1, minWidth: 140, cellClass: "jg-error" }),
];
