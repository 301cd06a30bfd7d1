// The job grid: any number of rows from a URL, changed in place by one broadcast channel. See job_grid.py.

import { h } from "vue";

// The modules of grid/, which are served as one file.
let grid;
// What a person left when they went to another page, by the list's name: rows and cursors, the selection, and how far
// it was scrolled.
const left = new Map();

let hasBegun = false; // a list was built in this window

const BLOCK = 100;
// Milliseconds between two questions for new rows, where only the server knows which ones match.
const ASK = 1000;
const REST = 250; // milliseconds for which the cursor rests before an open job follows it
const KEYS = { r: "retry", c: "cancel", "/": "filter" };
const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

// Ids as one short text: the server takes no message of any length.
const written = (ids) => [...ids].map((id) => id.replaceAll("-", "")).join();

const isSame = (query, other) => JSON.stringify(query) === JSON.stringify(other);

function later(wait, act) {
  let timer = null;
  const call = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      act(...values);
    }, wait);
  };
  // What waits is done at once.
  call.now = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    act();
  };
  return call;
}

export default {
  props: {
    url: String,
    query: Object,
    columns: Array,
    layout: Array,
    sort: String,
    keep: String,
    script: String,
  },
  data: () => ({ problem: "", isOfSort: false, empty: false }),
  computed: {
    emptyWords() {
      return Object.values(this.query ?? {}).some(Boolean)
        ? ["No job matches these filters", "Remove a filter; the search covered all jobs."]
        : ["No jobs yet", "Enable demo mode for a user, or load the sample data (the verb is sample)"];
    },
  },
  // Written out: compiling a template takes a browser longer than the rest of this component.
  render() {
    const [way, act] = this.isOfSort ? ["Newest first", this.sortNewest] : ["Try again", this.reload];
    const again = h("button", { type: "button", onClick: () => act() }, way);
    const [title, advice] = this.emptyWords;
    return h("div", { class: "job-grid", translate: "no" }, [
      h("div", { class: "jg-line", role: "alert", hidden: !this.problem }, [h("span", this.problem), again]),
      h("div", { class: "jg-grid", ref: "grid" }),
      h("div", { class: "jg-empty", role: "status", hidden: !this.empty }, [h("strong", title), h("span", advice)]),
    ]);
  },
  created() {
    // A page's first rows were asked for before it was built.
    this.begun = hasBegun ? performance.now() : 0;
    hasBegun = true;
    this.fresh = new Set();
    this.emitted = 0;
    this.stop = new AbortController();
    this.arranged = later(500, () => this.$emit("columns", this.order.state));
    this.built = new Promise((done) => {
      this.isBuilt = done;
    });
  },
  async mounted() {
    grid = await (window.jobGrid ?? import(this.script));
    if (this.dead) return;
    grid.dress();
    this.build();
    this.listen();
    this.isBuilt();
  },
  // While the list still knows how far it is scrolled.
  beforeUnmount() {
    this.dead = true;
    this.stop.abort();
    clearInterval(this.clock);
    window.socket?.off("jobs:delta", this.onDelta);
    window.socket?.off("connect", this.onConnect);
    this.leave();
  },
  watch: {
    query: {
      deep: true,
      handler(query) {
        if (this.list) this.requery(query ?? {});
      },
    },
  },
  methods: {
    build() {
      const before = left.get(this.keep);
      const returns = before && isSame(before.source.query, this.query) && before.source.sort === this.sort;
      this.source = returns ? before.source : new grid.Source(this.url, { ...this.query }, this.sort);
      this.blocks = returns ? before.blocks : new grid.Blocks(BLOCK, (start, end) => this.source.page(start, end));
      this.source.hooks = this.hooks();
      this.blocks.rested = () => this.isDue && !this.dead && this.reload();
      this.order = new grid.Columns(this.columns, this.layout);
      this.order.showSorted(this.source.sort);
      this.list = new grid.List(this.$refs.grid, this.order, this.blocks, this.source.sort, this.acts());
      if (returns) {
        this.list.restore(before.state);
        this.reload();
      } else this.blocks.ask(0); // unless the list has asked already
      if (this.list.isAny) this.$emit("select", this.selected());
    },
    leave() {
      if (!this.list) return;
      if (this.keep) left.set(this.keep, { source: this.source, blocks: this.blocks, state: this.list.state });
      this.list.destroy();
    },
    // What the source of rows tells.
    hooks() {
      return {
        loaded: (total) => {
          this.empty = total.value === 0;
          this.$emit("loaded", total);
        },
        settled: () => {
          if (this.blocks.isWhole) this.problem = "";
        },
        failed: (error) => {
          this.isOfSort = Boolean(error.isOfSort);
          this.problem = this.isOfSort ? error.message : `Jobs could not be loaded: ${error.message}`;
        },
        fresh: () => this.fresh.size,
      };
    },
    // What a person does with the list.
    acts() {
      return {
        arranged: this.arranged,
        sorted: () => {
          this.source.sort = this.list.head.sort;
          this.order.showSorted(this.source.sort);
          this.list.arrange();
          this.again();
          this.$emit("sort", this.source.sort);
        },
        selected: later(60, () => this.$emit("select", this.selected())),
        opened: (row) => this.$emit("open", row.id),
        moved: later(REST, () => this.list.row && !this.dead && this.$emit("follow", this.list.row.id)),
        menu: (row, x, y) => this.menu(row, x, y),
        between: (first, last) => this.source.between(first, last),
        refused: (sentence) => this.$emit("refused", sentence),
      };
    },

    // ---- incoming data -------------------------------------------------------------------------------------------
    listen() {
      const { signal } = this.stop;
      this.onDelta = ({ rows, reload }) => {
        if (document.hidden) this.stale = true;
        else if (reload) this.reloadSoon();
        else this.patch(rows);
      };
      let before = false;
      this.onConnect = () => {
        // broadcasts are not repeated, so missed changes are loaded
        const age = before ? null : performance.now() - this.begun;
        window.socket.emit("jobs:join", { client_id: window.clientId, age }, () => {});
        if (before) this.reload();
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
          if (this.stale) this.reload();
        },
        { signal },
      );
      document.addEventListener("keydown", (event) => this.key(event), { signal });
      // What a person does next may lead away, or be about the columns as they are now.
      const next = { signal, capture: true };
      document.addEventListener("pointerdown", () => this.arranged.now(), next);
      document.addEventListener("keydown", ({ altKey, shiftKey }) => altKey || shiftKey || this.arranged.now(), next);
      window.addEventListener("pagehide", () => this.arranged.now(), { signal });
    },
    patch(rows) {
      const { query } = this.source;
      const isDecided = grid.decides(query);
      const isEmpty = this.source.rows === 0;
      if (isEmpty && isDecided && rows.some((row) => grid.fits(row, query))) {
        this.reloadSoon(); // an empty list has nothing that a new row could move
        return;
      }
      for (const row of rows) {
        const index = this.blocks.places.get(row.id);
        if (index !== undefined) this.change(index, row);
        else if (!grid.fits(row, query)) this.fresh.delete(row.id);
        else if (isDecided && this.isNewer(row)) this.fresh.add(row.id);
        else if (!isDecided && (isEmpty || this.isNewer(row))) this.askSoon();
      }
      this.list.draw();
      this.emitFresh();
    },
    change(index, row) {
      // an older state can arrive after a newer one: the token and the time decide
      const was = this.blocks.row(index);
      if (row.token < was.token || (row.token === was.token && Date.parse(row.updated_at) < Date.parse(was.updated_at)))
        return;
      this.blocks.put(index, { ...was, ...row, _left: !grid.fits(row, this.source.query) });
    },
    isNewer(row) {
      return this.source.newest && Date.parse(row.created_at) > Date.parse(this.source.newest);
    },
    // Asks once for all changes of that time; those that come while an answer is awaited are asked for after it.
    askSoon() {
      this.asksAgain = true;
      this.asking ??= setTimeout(async () => {
        this.asksAgain = false;
        await this.askNews();
        this.asking = null;
        if (this.asksAgain && !this.dead) this.askSoon();
      }, ASK);
    },
    async askNews() {
      const rows = this.dead ? null : await this.source.news(BLOCK);
      if (!rows || this.dead) return;
      if (rows.length && this.source.rows === 0) {
        this.reloadSoon();
        return;
      }
      this.fresh = new Set(rows.map((row) => row.id).filter((id) => !this.blocks.places.has(id)));
      this.emitFresh();
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

    // ---- calls from the server, which may come before the script is there ----------------------------------------
    requery(query) {
      if (isSame(query, this.source.query)) return;
      this.source.query = { ...query };
      this.list.select([]);
      this.again();
    },
    // Loads other rows, from the first one.
    again() {
      this.source.reset();
      this.clearFresh();
      this.blocks.clear();
      this.list.leave();
      this.list.reveal(0, { atTop: true });
    },
    sortNewest() {
      this.problem = "";
      this.list.head.turn(grid.NEWEST_FIRST);
    },
    async sort_by(sort) {
      await this.built;
      this.list.head.turn(sort);
    },
    async refresh() {
      await this.built;
      this.reload();
      this.list.reveal(0, { atTop: true });
    },
    // After the answers that are awaited: if each change dropped them, slow ones would never be shown.
    reloadSoon() {
      if (this.blocks.loading.size) this.isDue = true;
      else this.reload();
    },
    // Loads the rows on the screen again, and the first ones, which say what is new.
    reload() {
      this.stale = this.isDue = false;
      this.source.reset();
      this.clearFresh();
      this.blocks.refresh();
      this.blocks.ask(0);
      this.list.ask();
    },
    async select_all() {
      await this.built;
      this.list.select([], { everything: true });
    },
    async select_none() {
      await this.built;
      this.list.select([]);
    },
    async show_column(field, visible) {
      await this.built;
      this.order.show(field, visible);
      this.list.arrange();
      this.list.hooks.arranged();
    },
    async arrange(layout) {
      await this.built;
      this.order.reset();
      if (layout.length) this.order.arrange(layout);
      this.order.showSorted(this.source.sort);
      this.list.arrange();
    },

    // ---- mouse and keys ------------------------------------------------------------------------------------------
    key(event) {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (!this.$el.offsetParent || this.$el.inert || document.querySelector(".q-dialog")) return;
      const inside = this.$refs.grid.contains(event.target);
      if (event.target.closest("button, a, [role=menuitem]") && !inside) return;
      const act = this.action(window.keyOf?.(event) ?? event.key, event.shiftKey, inside);
      if (!act) return;
      event.preventDefault();
      act();
    },
    action(key, shift, inside) {
      const { list } = this;
      const { row } = list;
      const at = list.at?.index ?? -1;
      const name = key.toLowerCase();
      if (name === "j" || (key === "ArrowDown" && !inside)) return () => list.step(at + 1, shift);
      if (name === "k" || (key === "ArrowUp" && !inside)) return () => list.step(Math.max(at - 1, 0), shift);
      if (name === "x" && row) return () => list.toggle(row.id);
      if (key === "Enter" && inside && row) return () => this.$emit("open", row.id);
      if (key === "Escape" && inside && list.isAny) return () => list.select([]);
      if (key === "ContextMenu" && inside && row) return () => this.menuAt(row);
      if (!shift && KEYS[key]) return () => this.$emit("shortcut", { name: KEYS[key], ...this.chosen(row) });
      return null;
    },
    selected() {
      return { ids: written(this.list.selected), everything: this.list.everything };
    },
    chosen(row) {
      return this.list.isAny || !row ? this.selected() : { ids: written([row.id]), everything: false };
    },
    menu(row, x, y) {
      if (!this.list.isSelected(row)) this.list.select([row.id]);
      this.$emit("context", { id: row.id, ...this.selected(), x, y });
    },
    menuAt(row) {
      const box = this.list.lines.get(this.list.at.index)?.element.getBoundingClientRect();
      if (box) this.menu(row, box.left + 24, box.bottom);
    },
  },
};
