// The job grid: any number of rows from a URL, changed in place by one broadcast channel. See job_grid.py.

// The modules of grid/, which are served as one file, and in its time AG Grid.
let grid;

const BLOCK = 100;
const MOST_SELECTED = 1000; // ids sent to the server; more are acted on by filter
const KEYS = { r: "retry", c: "cancel", "/": "filter" };
const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

const nextFrame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

function later(wait, act) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), wait);
  };
}

// The columns as a person left them, layout only, in their own browser. A browser that refuses storage is no error.
const storageKey = (name) => `unstuck.columns.${name}`;
function remember(name, state) {
  try {
    if (name && state) localStorage.setItem(storageKey(name), JSON.stringify(state));
    else if (name) localStorage.removeItem(storageKey(name));
  } catch {}
}
function recalled(name) {
  try {
    const state = name && JSON.parse(localStorage.getItem(storageKey(name)));
    return Array.isArray(state) && state.length ? state : null;
  } catch {
    return null;
  }
}

export default {
  template: `<div class="job-grid" translate="no">
    <div class="jg-line" role="alert" v-show="problem">
      <span>{{ problem }}</span><button type="button" @click="refresh">Try again</button>
    </div>
    <div class="jg-grid" ref="grid"></div>
    <div class="jg-empty" role="status" v-show="empty">
      <strong>{{ emptyWords[0] }}</strong><span>{{ emptyWords[1] }}</span>
    </div>
  </div>`,
  props: {
    url: String,
    query: Object,
    columns: Array,
    layout: Array,
    sort: String,
    keep: String,
    script: String,
    engine: String,
  },
  data: () => ({ problem: "", empty: false }),
  computed: {
    emptyWords() {
      return Object.values(this.query ?? {}).some(Boolean)
        ? ["No job matches these filters", "Remove a filter; the search covered all jobs."]
        : ["No jobs yet", "Enable demo mode for a user, or load the sample data (the verb is sample)"];
    },
  },
  created() {
    this.waiting = [];
    this.fresh = new Set();
    this.stop = new AbortController();
  },
  async mounted() {
    grid = await import(this.script);
    if (this.dead) return;
    grid.dress();
    this.source = new grid.Source(this.url, {
      loaded: (total, startRow) => this.loaded(total, startRow),
      settled: () => {
        this.problem = "";
      },
      failed: (error) => {
        this.plain?.remove();
        this.problem = `Jobs could not be loaded: ${error.message}`;
      },
      fresh: () => this.fresh.size,
    });
    this.source.query = { ...this.query };
    this.listen();
    await this.build();
  },
  unmounted() {
    this.dead = true;
    this.stop.abort();
    clearInterval(this.clock);
    window.socket?.off("jobs:delta", this.onDelta);
    window.socket?.off("connect", this.onConnect);
    this.plain?.remove();
    this.api?.destroy();
  },
  watch: {
    query: {
      deep: true,
      handler(query) {
        this.act(() => this.requery(query ?? {}));
      },
    },
  },
  methods: {
    // AG Grid takes longer to load and build than the first rows take to come: they are painted first.
    async build() {
      const layout = this.layout?.length ? this.layout : recalled(this.keep);
      const defs = grid.columnDefs(this.columns, this.sort);
      this.plain = new grid.PlainRows(this.$refs.grid, defs, layout, (id) => this.$emit("open", id));
      const page = await this.source.begin(BLOCK, this.sort).catch(() => null);
      if (this.dead) return;
      if (page) this.plain.show(page.items);
      await nextFrame();
      const { createGrid, themeQuartz } = await import(this.engine);
      if (this.dead) return;
      this.api = createGrid(this.$refs.grid, this.options(grid.themeOf(themeQuartz), defs, layout));
      this.$refs.grid.querySelector("[role=grid], [role=treegrid]")?.setAttribute("aria-label", "Jobs");
      for (const act of this.waiting) act();
    },
    // Does something with the grid now, or once it is built.
    act(onGrid) {
      if (this.api) onGrid();
      else this.waiting.push(onGrid);
    },
    options(theme, defs, layout) {
      const keep = later(500, () => {
        const state = this.columnState();
        remember(this.keep, state);
        this.$emit("columns", state);
      });
      const select = later(60, () => this.$emit("select", this.selected()));
      return {
        theme,
        columnDefs: defs,
        rowModelType: "infinite",
        datasource: { getRows: (params) => this.source.getRows(params) },
        cacheBlockSize: BLOCK,
        cacheOverflowSize: BLOCK,
        maxBlocksInCache: 20,
        maxConcurrentDatasourceRequests: 2,
        blockLoadDebounceMillis: 50,
        infiniteInitialRowCount: 1,
        rowBuffer: 4,
        getRowId: (params) => params.data.id,
        animateRows: false,
        suppressColumnMoveAnimation: true,
        preventDefaultOnContextMenu: true,
        debounceVerticalScrollbar: false,
        suppressDragLeaveHidesColumns: true,
        suppressNoRowsOverlay: true,
        rowSelection: { mode: "multiRow", checkboxes: false, headerCheckbox: false, enableClickSelection: true },
        defaultColDef: { resizable: true, sortable: false, suppressHeaderMenuButton: true, cellDataType: false },
        rowClassRules: { "jg-row-left": (params) => Boolean(params.data?._left) },
        onGridReady: ({ api }) => {
          if (layout) {
            api.applyColumnState({ state: layout, applyOrder: true });
            this.$emit("columns", layout);
          }
        },
        onFirstDataRendered: () => this.plain.remove(),
        onColumnMoved: (event) => event.finished && keep(),
        onColumnVisible: keep,
        onColumnResized: (event) => event.finished && event.source === "uiColumnResized" && keep(),
        onSortChanged: () => {
          this.source.reset();
          this.clearFresh();
        },
        onSelectionChanged: select,
        onRowClicked: ({ data, event }) =>
          data && !event.shiftKey && !event.ctrlKey && !event.metaKey && this.$emit("open", data.id),
        onCellContextMenu: (event) => this.menu(event.node, event.event.clientX, event.event.clientY),
      };
    },

    // ---- incoming data -------------------------------------------------------------------------------------------
    listen() {
      const { signal } = this.stop;
      this.onDelta = ({ rows, reload }) => {
        if (document.hidden) this.stale = true;
        else this.act(() => (reload ? this.reload() : this.patch(rows)));
      };
      let before = false;
      this.onConnect = () => {
        // broadcasts are not repeated, so missed changes are loaded
        window.socket.emit("jobs:join", { client_id: window.clientId }, () => {});
        if (before) this.act(() => this.reload());
        before = true;
      };
      const attach = () => {
        // NiceGUI makes its socket after the first children are mounted
        if (this.dead) return;
        if (!window.socket) {
          setTimeout(attach, 10);
          return;
        }
        window.socket.on("jobs:delta", this.onDelta);
        window.socket.on("connect", this.onConnect);
        if (window.socket.connected) this.onConnect();
      };
      attach();
      this.clock = setInterval(() => document.hidden || grid.tick(), 1000);
      document.addEventListener(
        "visibilitychange",
        () => {
          if (document.hidden) return;
          grid.tick();
          if (this.stale) this.act(() => this.reload());
        },
        { signal },
      );
      document.addEventListener("keydown", (event) => this.key(event), { signal });
    },
    patch(rows) {
      for (const row of rows) {
        const node = this.api.getRowNode(row.id);
        if (node?.data) this.change(node, row);
        else if (this.isNew(row)) this.fresh.add(row.id);
        else if (!grid.announces(row, this.source.query)) this.fresh.delete(row.id);
      }
      this.emitFresh();
    },
    change(node, row) {
      // an older state can arrive after a newer one: the token and the time decide
      const was = node.data;
      if (row.token < was.token || (row.token === was.token && Date.parse(row.updated_at) < Date.parse(was.updated_at)))
        return;
      const _left = !grid.fits(row, this.source.query);
      node.updateData({ ...was, ...row, _left });
    },
    isNew(row) {
      return (
        this.source.newest &&
        Date.parse(row.created_at) > Date.parse(this.source.newest) &&
        grid.announces(row, this.source.query)
      );
    },
    emitFresh() {
      if (this.emitted === this.fresh.size) return;
      this.emitted = this.fresh.size;
      this.$emit("fresh", this.emitted);
    },
    clearFresh() {
      this.fresh.clear();
      this.emitFresh();
    },
    loaded(total, startRow) {
      if (startRow > 0) return;
      this.empty = total.value === 0;
      if (this.empty) this.plain.remove();
      if (!total.exact && this.source.rows === null) this.api.setRowCount(total.value, false);
      this.$emit("loaded", total);
    },

    // ---- calls from the server -----------------------------------------------------------------------------------
    requery(query) {
      if (JSON.stringify(query) === JSON.stringify(this.source.query)) return;
      this.source.query = { ...query };
      this.source.reset();
      this.clearFresh();
      this.api.deselectAll();
      this.api.ensureIndexVisible(0, "top");
      this.api.purgeInfiniteCache();
    },
    refresh() {
      this.act(() => {
        this.reload();
        this.api.ensureIndexVisible(0, "top");
      });
    },
    reload() {
      this.stale = false;
      this.source.reset();
      this.clearFresh();
      this.api.refreshInfiniteCache();
    },
    show_column(field, visible) {
      this.act(() => this.api.setColumnsVisible([field], visible));
    },
    reset_columns() {
      this.act(() => this.api.resetColumnState());
      remember(this.keep, null);
      this.$emit("columns", []);
    },

    // ---- mouse and keys ------------------------------------------------------------------------------------------
    key(event) {
      if (!this.api) return;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (!this.$el.offsetParent || document.querySelector(".q-dialog")) return;
      const inside = this.$refs.grid.contains(event.target);
      if (event.target.closest("button, a, [role=menuitem]") && !inside) return;
      const act = this.action(window.keyOf?.(event) ?? event.key, event.shiftKey, inside);
      if (!act) return;
      event.preventDefault();
      act();
    },
    action(key, shift, inside) {
      const at = this.api.getFocusedCell()?.rowIndex ?? -1;
      const node = at >= 0 ? this.api.getDisplayedRowAtIndex(at) : null;
      const name = key.toLowerCase();
      if (name === "j" || (key === "ArrowDown" && !inside)) return () => this.focus(at + 1, shift);
      if (name === "k" || (key === "ArrowUp" && !inside)) return () => this.focus(Math.max(at - 1, 0), shift);
      if (name === "x" && node?.data) return () => node.setSelected(!node.isSelected());
      if (key === "Enter" && inside && node?.data) return () => this.$emit("open", node.id);
      if (key === "Escape" && inside && this.api.getSelectedNodes().length) return () => this.api.deselectAll();
      if (key === "ContextMenu" && inside && node?.data) return () => this.menuAt(node);
      if (!shift && KEYS[key]) return () => this.$emit("shortcut", { name: KEYS[key], ids: this.chosen(node) });
      return null;
    },
    focus(index, extend = false) {
      if (index >= this.api.getDisplayedRowCount()) return;
      const column = this.api.getFocusedCell()?.column ?? this.api.getAllDisplayedColumns()[0];
      this.api.ensureIndexVisible(index);
      this.api.setFocusedCell(index, column);
      if (extend) this.api.getDisplayedRowAtIndex(index)?.setSelected(true);
    },
    selected() {
      return this.api
        .getSelectedNodes()
        .slice(0, MOST_SELECTED)
        .map((node) => node.id);
    },
    chosen(node) {
      const ids = this.selected();
      return ids.length || !node?.data ? ids : [node.id];
    },
    menu(node, x, y) {
      if (!node?.data) return;
      if (!node.isSelected()) node.setSelected(true, true);
      this.$emit("context", { id: node.id, ids: this.selected(), x, y });
    },
    menuAt(node) {
      const box = this.$refs.grid.querySelector(`[row-id="${CSS.escape(node.id)}"]`)?.getBoundingClientRect();
      if (box) this.menu(node, box.left + 24, box.bottom);
    },
    columnState() {
      return this.api.getColumnState().map(({ colId, width, hide, flex }) => ({ colId, width, hide, flex }));
    },
  },
};
