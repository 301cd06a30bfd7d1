// Where rows come from: pages of the API, by cursor where the page before is known, by offset where a scrollbar jumped.

export class Source {
  // hooks: loaded(total), failed(sentence), settled(), fresh() -> rows that wait above the first one
  constructor(url, hooks) {
    this.url = url;
    this.hooks = hooks;
    this.query = {};
    this.reset();
  }

  reset() {
    this.generation = (this.generation ?? 0) + 1;
    this.cursors = new Map();
    this.rows = null;
    this.newest = null;
  }

  async getRows(params) {
    const generation = this.generation;
    try {
      const page = await this.fetch(this.parameters(params));
      if (generation !== this.generation) return params.failCallback();
      if (page.next) this.cursors.set(params.endRow, page.next);
      if (params.startRow === 0) this.newest = page.items[0]?.created_at ?? new Date(0).toISOString();
      params.successCallback(page.items, this.lastRow(params, page));
      this.hooks.settled();
      this.hooks.loaded(page.total, params.startRow);
    } catch (error) {
      params.failCallback();
      if (generation === this.generation) this.hooks.failed(error);
    }
  }

  parameters({ startRow, endRow, sortModel }) {
    const waiting = this.hooks.fresh();
    const wanted = new URLSearchParams(Object.entries(this.query).filter(([, value]) => value));
    wanted.set("limit", endRow - startRow);
    if (sortModel[0]?.sort === "asc") wanted.set("sort", "created_at");
    if (this.cursors.has(startRow)) wanted.set("after", this.cursors.get(startRow));
    else if (startRow > 0) {
      wanted.set("offset", startRow + waiting);
      if (this.rows) wanted.set("of", this.rows + waiting);
    }
    return wanted;
  }

  async fetch(wanted) {
    const answer = await fetch(`${window.path_prefix ?? ""}${this.url}?${wanted}`, {
      headers: { Accept: "application/json" },
    });
    if (answer.status === 401) {
      location.assign(
        `${window.path_prefix ?? ""}/login?next=${encodeURIComponent(location.pathname + location.search)}`,
      );
      throw new Error("You are signed out.");
    }
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(typeof problem.detail === "string" ? problem.detail : `The server answered ${answer.status}.`);
    }
    return answer.json();
  }

  // The row count, or undefined where more follow than were counted: then the list grows as one scrolls.
  lastRow({ startRow, endRow }, { items, next, total }) {
    const seen = startRow + items.length;
    const filtered = Object.values(this.query).some(Boolean);
    let last;
    if (!next && (items.length || startRow === 0)) last = seen;
    else if (total.exact || !filtered)
      last = Math.max(total.exact ? total.value : (this.rows ?? total.value), next ? endRow + 1 : 0);
    if (last !== undefined) this.rows = last;
    return last;
  }
}

// Whether a changed row is still among those filtered for, as far as the row itself tells.
export function fits(row, query) {
  const among = (name, value) =>
    !query[name] ||
    String(query[name])
      .split(",")
      .map((word) => word.trim())
      .includes(value);
  const user = (query.user ?? "").toLowerCase();
  return (
    among("status", row.status) &&
    among("label", row.label) &&
    among("kind", row.kind) &&
    among("queue", row.queue) &&
    (!user || row.user_id === user || (row.user_email ?? "").toLowerCase().startsWith(user)) &&
    (!query.created_after || Date.parse(row.created_at) >= Date.parse(query.created_after)) &&
    (!query.created_before || Date.parse(row.created_at) < Date.parse(query.created_before))
  );
}

// A new row is announced only where the row itself tells that it fits; a search is repeated by reloading.
export const announces = (row, query) => !query.q && !query.error && !query.connection && fits(row, query);
