// The look. Colours are variables of the page, so that the list follows its theme.
const css = `
.job-grid {
  position: relative;
  display: flex;
  flex-direction: column;
  width: 100%;
  height: 100%;
  min-height: 0;
  background: var(--panel, #fff);
  font-variant-numeric: tabular-nums;
}
.jg-grid {
  position: relative;
  flex: 1;
  min-height: 0;
}
.jg-view {
  position: absolute;
  inset: 0;
  overflow: auto;
  contain: strict;
  font-size: 12px;
  cursor: default;
  outline: none;
}
.jg-head,
.jg-body {
  width: max(100%, 30px + var(--least));
}
.jg-head,
.jg-row {
  display: grid;
  grid-template-columns: 30px var(--columns);
  box-sizing: border-box;
}
.jg-head {
  position: sticky;
  top: 0;
  z-index: 2;
  height: 29px;
  color: var(--muted, #556070);
  background: var(--panel, #fff);
  border-bottom: 1px solid var(--line, #dce0e7);
  font-size: 11px;
  font-weight: 600;
  line-height: 28px;
}
.jg-tick-all {
  display: flex;
}
.jg-tick {
  flex: 1;
  position: relative;
  padding: 0;
  background: none;
  border: 0;
  cursor: pointer;
}
.jg-tick::before,
.jg-tick::after {
  content: "";
  position: absolute;
  box-sizing: border-box;
}
.jg-tick::before {
  top: calc(50% - 7px);
  left: 11px;
  width: 14px;
  height: 14px;
  border: 1.5px solid var(--line-strong, #868f9f);
  border-radius: 3px;
}
.jg-tick:hover::before {
  border-color: var(--accent, #1c5bd0);
}
.jg-tick:is([aria-checked="true"], [aria-checked="mixed"], [aria-selected="true"] > *)::before {
  background: var(--accent, #1c5bd0);
  border-color: var(--accent, #1c5bd0);
}
.jg-tick:is([aria-checked="true"], [aria-selected="true"] > *)::after {
  top: calc(50% - 4.5px);
  left: 16px;
  width: 4.5px;
  height: 8px;
  border: solid var(--on-accent, #fff);
  border-width: 0 1.75px 1.75px 0;
  transform: rotate(40deg);
}
.jg-tick[aria-checked="mixed"]::after {
  top: calc(50% - 1px);
  left: 14px;
  width: 8px;
  height: 2px;
  background: var(--on-accent, #fff);
}
.jg-tick:focus-visible {
  outline: none;
  box-shadow: inset 0 0 0 1px var(--accent, #1c5bd0);
}
.jg-title,
.jg-cell {
  box-sizing: border-box;
  min-width: 0;
  padding: 0 9px;
  overflow: hidden;
  white-space: nowrap;
  outline: none;
}
.jg-title {
  position: relative;
  user-select: none;
  text-overflow: ellipsis;
}
.jg-title:focus-visible {
  box-shadow: inset 0 0 0 1px var(--accent, #1c5bd0);
}
.jg-right {
  text-align: right;
}
.jg-sortable {
  cursor: pointer;
}
.jg-sortable::after {
  content: " ↓";
}
.jg-sortable[aria-sort="ascending"]::after {
  content: " ↑";
}
.jg-sortable[aria-sort="none"]:not(:hover, :focus-visible)::after {
  opacity: 0;
}
.jg-sortable[aria-sort="none"]::after {
  opacity: 0.55;
}
.jg-sortable:is(:hover, :focus-visible) {
  color: var(--fg, #161c28);
  background: color-mix(in srgb, var(--fg, #161c28) 6%, transparent);
}
.jg-edge {
  position: absolute;
  inset: 0 0 0 auto;
  width: 7px;
  cursor: col-resize;
  touch-action: none;
}
.jg-edge::after {
  content: "";
  position: absolute;
  inset: 7px 0 7px auto;
  width: 2px;
  background: var(--line, #dce0e7);
}
.jg-body {
  position: relative;
}
.jg-row {
  position: absolute;
  width: 100%;
  height: 26px;
  contain: strict;
  border-bottom: 1px solid color-mix(in srgb, var(--line, #dce0e7) 65%, transparent);
}
.jg-row:hover {
  background: color-mix(in srgb, var(--fg, #161c28) 5%, transparent);
}
.jg-row[aria-selected="true"] {
  background: color-mix(in srgb, var(--accent, #1c5bd0) 16%, transparent);
}
.jg-at {
  background: color-mix(in srgb, var(--accent, #1c5bd0) 6%, transparent);
  box-shadow: inset 3px 0 var(--accent, #1c5bd0);
}
.jg-cell {
  line-height: 25px;
  text-overflow: ellipsis;
  scroll-margin-top: 29px;
}
.jg-row-left .jg-cell {
  opacity: 0.55;
  transition: opacity 0.3s;
}
.jg-row-left .jg-status::after {
  content: " · left";
  font-weight: 400;
}
.jg-number {
  text-align: right;
}
.jg-quiet,
.jg-muted {
  color: var(--muted, #556070);
}
.jg-cell a {
  color: inherit;
  text-decoration: none;
}
.jg-cell a:hover {
  text-decoration: underline;
}
.jg-again {
  color: var(--warn, #865500);
  font-weight: 600;
}
.jg-error {
  color: color-mix(in srgb, var(--fg, #161c28) 85%, transparent);
}
.jg-status,
.jg-progress {
  --dot: var(--idle-dot, #8a94a6);
}
.jg-status {
  color: var(--tone, inherit);
}
.jg-status::before {
  content: "";
  display: inline-block;
  width: 7px;
  height: 7px;
  margin-right: 7px;
  border-radius: 50%;
  background: var(--dot);
  vertical-align: 1px;
}
.jg-succeeded {
  --dot: var(--ok-dot, #1f9d63);
}
.jg-failed,
.jg-orphaned {
  --dot: var(--bad-dot, #df4232);
}
.jg-status.jg-failed,
.jg-status.jg-orphaned {
  --tone: var(--bad, #c02a1b);
}
.jg-status.jg-retrying,
.jg-status.jg-stopping {
  --tone: var(--warn, #865500);
}
.jg-status.jg-failed,
.jg-status.jg-orphaned,
.jg-status.jg-retrying,
.jg-status.jg-stopping,
.jg-status.jg-running {
  font-weight: 550;
}
.jg-status.jg-running {
  --tone: var(--run, #1c5bd0);
}
.jg-status.jg-handled,
.jg-status.jg-cancelled {
  --tone: var(--muted, #556070);
}
.jg-running {
  --dot: var(--run-dot, #2f74e8);
}
.jg-retrying,
.jg-stopping {
  --dot: var(--warn-dot, #d59a00);
}
.jg-queued::before,
.jg-scheduled::before,
.jg-cancelled::before {
  background: transparent;
  box-shadow: inset 0 0 0 1.5px var(--dot);
}
.jg-status.jg-running::before,
.jg-status.jg-stopping::before {
  animation: jg-breathe 1.6s ease-in-out infinite;
}
@keyframes jg-breathe {
  50% {
    opacity: 0.35;
  }
}
.jg-progress {
  display: block;
  position: relative;
  height: 15px;
  margin-top: 5px;
  border-radius: 3px;
  background: color-mix(in srgb, var(--muted, #556070) 14%, transparent);
}
.jg-progress i {
  position: absolute;
  inset: 0 auto 0 0;
  background: color-mix(in srgb, var(--dot) 22%, transparent);
  transition: width 0.2s;
}
.jg-progress.jg-running i,
.jg-progress.jg-stopping i {
  background: color-mix(in srgb, var(--dot) 46%, transparent);
}
.jg-progress b {
  position: absolute;
  inset: 0;
  text-align: center;
  font: 500 10.5px / 15px inherit;
  font-size: 10.5px;
  line-height: 15px;
  font-weight: 500;
  color: var(--fg, #161c28);
}
.jg-line {
  position: absolute;
  inset: auto 0 0;
  z-index: 5;
  display: flex;
  align-items: center;
  gap: 10px;
  padding: 6px 10px;
  font-size: 12px;
  color: var(--bad, #c02a1b);
  background: color-mix(in srgb, var(--bad, #c02a1b) 12%, var(--panel, #fff));
  border-top: 1px solid var(--line, #dce0e7);
}
.jg-line button {
  font: inherit;
  font-weight: 600;
  color: inherit;
  background: none;
  border: 1px solid currentColor;
  border-radius: 4px;
  padding: 1px 8px;
  cursor: pointer;
}
.jg-empty {
  position: absolute;
  inset: 28px 0 0;
  display: flex;
  flex-direction: column;
  align-items: center;
  justify-content: center;
  gap: 4px;
  pointer-events: none;
  font-size: 13px;
  color: var(--muted, #556070);
  text-align: center;
}
.jg-empty strong {
  font-size: 14px;
  font-weight: 600;
  color: var(--fg, #161c28);
}
.jg-view[aria-busy="true"]::after {
  content: "Loading jobs …";
  display: block;
  padding: 40px 0;
  font-size: 13px;
  color: var(--muted, #556070);
  text-align: center;
  opacity: 0;
  animation: jg-late 0.2s 0.3s forwards;
}
@keyframes jg-late {
  to {
    opacity: 1;
  }
}
.jg-narrow .jg-head,
.jg-narrow .jg-body {
  width: 100%;
}
.jg-narrow .jg-head,
.jg-narrow .jg-row {
  grid-template: 22px 22px / 44px 112px minmax(0, 1fr) minmax(0, 1fr) 92px;
  padding-right: 4px;
}
.jg-narrow .jg-head {
  height: 45px;
  line-height: 22px;
}
.jg-narrow .jg-row {
  height: 56px;
  padding-block: 5px 6px;
  font-size: 13px;
}
.jg-narrow .jg-cell {
  line-height: 22px;
  scroll-margin-top: 45px;
}
.jg-narrow :is(.jg-title, .jg-cell) {
  padding: 0 5px;
}
.jg-narrow .jg-edge {
  display: none;
}
.jg-narrow :is(.jg-tick-all, .jg-row > .jg-tick) {
  grid-area: 1 / 1 / 3 / 2;
}
.jg-narrow .jg-row > .jg-tick {
  margin-block: -5px -6px;
}
.jg-narrow .jg-tick::before {
  top: calc(50% - 8px);
  left: 14px;
  width: 16px;
  height: 16px;
}
.jg-narrow .jg-tick:is([aria-checked="true"], [aria-selected="true"] > *)::after {
  left: 20px;
}
.jg-narrow .jg-tick[aria-checked="mixed"]::after {
  left: 18px;
}
.jg-narrow [data-name="label"] {
  grid-area: 1 / 2;
}
.jg-narrow [data-name="kind"] {
  grid-area: 1 / 3 / 2 / 5;
}
.jg-narrow [data-name="created_at"] {
  grid-area: 1 / 5;
  text-align: right;
}
.jg-narrow .jg-title[data-name="created_at"] {
  grid-row: 1 / 3;
  line-height: 44px;
}
.jg-narrow .jg-cell[data-name="created_at"],
.jg-narrow .jg-cell[data-name="user_email"] {
  color: var(--muted, #556070);
}
.jg-narrow [data-name="user_email"] {
  grid-area: 2 / 2 / 3 / 4;
}
.jg-narrow .jg-row:not(:has(.jg-told)) .jg-cell[data-name="user_email"] {
  grid-column-end: 6;
}
.jg-narrow [data-name="error"] {
  grid-area: 2 / 4 / 3 / 6;
}
.jg-narrow .jg-title[data-name="error"] {
  grid-column-end: 5;
}
.jg-narrow .jg-cell[data-name="error"] .jg-progress {
  margin-top: 3px;
}
.jg-narrow .jg-cell a {
  pointer-events: none;
}
.job-grid [hidden] {
  display: none;
}
@media (prefers-reduced-motion: reduce) {
  .job-grid *,
  .job-grid *::before {
    animation: none !important;
    transition: none !important;
  }
  .jg-view[aria-busy="true"]::after {
    opacity: 1;
    animation: none;
  }
}
`;

export function dress() {
  if (document.getElementById("job-grid-look")) return;
  const style = document.createElement("style");
  style.id = "job-grid-look";
  style.textContent = css;
  document.head.append(style);
}
