// The loaded rows, in blocks: those on the screen are asked for, and those that were not seen for longest are dropped.

const MOST = 20; // blocks
const AT_ONCE = 2; // requests

export class Blocks {
  // load(start, end) gives a page of the source, or null if it failed.
  constructor(size, load) {
    this.size = size;
    this.load = load;
    this.changed = () => {};
    this.rested = () => {};
    this.clear();
  }
  clear() {
    this.blocks = new Map(); // the one that was seen last at the end
    this.places = new Map(); // of each row's id, its index
    this.count = 0;
    this.refresh();
  }
  // Loads all again; what is there stays until then.
  refresh() {
    this.turn = {}; // answers to requests of an earlier turn are dropped
    this.loading = new Set();
    for (const block of this.blocks.values()) Object.assign(block, { stale: true, failed: false });
  }
  get isWhole() {
    return ![...this.blocks.values()].some((block) => block.failed);
  }
  row(index) {
    return this.blocks.get(Math.floor(index / this.size))?.items[index % this.size];
  }
  // The ids of all loaded rows, in their order.
  get ids() {
    return [...this.places].sort(([, place], [, other]) => place - other).map(([id]) => id);
  }
  put(index, row) {
    this.blocks.get(Math.floor(index / this.size)).items[index % this.size] = row;
  }
  need(first, last) {
    for (let number = Math.floor(first / this.size); number <= Math.floor(last / this.size); number++) {
      const block = this.blocks.get(number);
      if (block) {
        this.blocks.delete(number);
        this.blocks.set(number, block);
      }
      if (!block || block.stale) this.ask(number);
    }
  }
  async ask(number) {
    if (this.loading.has(number) || this.loading.size >= AT_ONCE) return;
    const { turn, size } = this;
    this.loading.add(number);
    const page = await this.load(number * size, (number + 1) * size);
    if (turn !== this.turn) return;
    this.loading.delete(number);
    this.keep(number, page);
    this.changed();
    if (!this.loading.size) this.rested();
  }
  // Loads what is missing of these rows.
  async fill(first, last) {
    const { turn, size } = this;
    for (let number = Math.floor(first / size); number <= Math.floor(last / size); number++) {
      if (this.blocks.has(number)) continue;
      const page = await this.load(number * size, (number + 1) * size);
      if (turn !== this.turn || !page) return;
      this.keep(number, page);
    }
  }
  keep(number, page) {
    const before = this.blocks.get(number)?.items ?? [];
    this.drop(number);
    const items = page?.items ?? before; // one that failed is loaded again by `refresh`
    const start = number * this.size;
    this.blocks.set(number, { items, stale: false, failed: !page });
    items.forEach((row, offset) => {
      this.places.set(row.id, start + offset);
    });
    if (page) this.count = page.last ?? Math.max(this.count, page.least, start + 2 * this.size);
    while (this.blocks.size > MOST) this.drop(this.blocks.keys().next().value);
  }
  drop(number) {
    const start = number * this.size;
    this.blocks.get(number)?.items.forEach((row, offset) => {
      if (this.places.get(row.id) === start + offset) this.places.delete(row.id);
    });
    this.blocks.delete(number);
  }
}
