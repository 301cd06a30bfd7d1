// The rows: pages of the API, by cursor where the page before is known, by offset where the scrollbar jumped.

// The order that a list has by itself, and in which new jobs come above the first one.
export const NEWEST_FIRST = "-created_at";

async function ask(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  return { response, answer: await response.json().catch(() => null) };
}

// A page asks for its first rows before it is built, so that both are painted together.
let first = null;
export function begin(url) {
  first = { url, asked: ask(url) };
  first.asked.catch(() => {}); // who takes it is told
}

export class Source {
  // hooks: loaded(total), failed(sentence), settled(), fresh() -> number of new rows that wait above the first one
  constructor(url, query, sort) {
    Object.assign(this, { url, query, sort });
    this.reset();
  }

  reset() {
    this.generation = (this.generation ?? 0) + 1;
    this.cursors = new Map();
    this.rows = null;
    this.newest = null;
  }

  // Rows from `start` before `end`, how many there are, undefined if more than were counted, and at least how many.
  async page(start, end) {
    const generation = this.generation;
    try {
      const page = await this.fetch(this.parameters(start, end));
      if (generation !== this.generation) return null;
      if (page.next) this.cursors.set(end, page.next);
      // with the oldest first, a new job is no row above the first one
      if (start === 0 && this.sort === NEWEST_FIRST)
        this.newest = page.items[0]?.created_at ?? new Date(0).toISOString();
      this.hooks.settled();
      if (start === 0) this.hooks.loaded({ ...page.total, first_only: page.first_only });
      return { items: page.items, last: this.lastRow(start, end, page), least: page.total.value };
    } catch (error) {
      if (generation === this.generation) this.hooks.failed(error);
      return null;
    }
  }

  // The first rows that match and are newer than the newest shown; null: not known, and told when rows are loaded next.
  async news(limit) {
    const { generation, newest } = this;
    const query = this.parameters(0, limit);
    if (newest && this.rows) query.set("created_after", newest);
    try {
      const { items } = await this.fetch(query);
      const isNewer = ({ created_at }) => !this.rows || Date.parse(created_at) > Date.parse(newest);
      return generation === this.generation ? items.filter(isNewer) : null;
    } catch {
      return null;
    }
  }

  // The ids of the rows from one to another, and whether there are more than can be selected; null: it failed.
  async between(first, last) {
    try {
      const query = this.filtered();
      query.set("first", first);
      query.set("last", last);
      return await this.fetch(query, "/between");
    } catch (error) {
      this.hooks.failed(error);
      return null;
    }
  }

  filtered() {
    const query = new URLSearchParams(Object.entries(this.query).filter(([, value]) => value));
    if (this.sort !== NEWEST_FIRST) query.set("sort", this.sort);
    return query;
  }

  parameters(start, end) {
    const waiting = this.hooks.fresh();
    const query = this.filtered();
    query.set("limit", end - start);
    if (this.cursors.has(start)) query.set("after", this.cursors.get(start));
    else if (start > 0) {
      query.set("offset", start + waiting);
      if (this.rows) query.set("of", this.rows + waiting);
    }
    return query;
  }

  async fetch(query, part = "") {
    const url = `${window.path_prefix ?? ""}${this.url}${part}?${query}`;
    const asked = first?.url === url ? first.asked : ask(url);
    first = null;
    const { response, answer } = await asked;
    if (response.status === 401) {
      location.assign(
        `${window.path_prefix ?? ""}/login?next=${encodeURIComponent(location.pathname + location.search)}`,
      );
      throw new Error("You are signed out.");
    }
    if (response.ok && answer) return answer;
    const sentence = typeof answer?.detail === "string" ? answer.detail : `The server answered ${response.status}.`;
    throw Object.assign(new Error(sentence), { isOfSort: answer?.errors?.[0]?.field === "sort" });
  }

  // The row count, or undefined where more rows follow than were counted: then the list grows while scrolling.
  lastRow(start, end, { items, next, total }) {
    const after = start + items.length;
    const filtered = Object.values(this.query).some(Boolean);
    let last;
    if (!next && (items.length || start === 0)) last = after;
    else if (total.exact || !filtered)
      last = Math.max(total.exact ? total.value : (this.rows ?? total.value), next ? end + 1 : 0);
    if (last !== undefined) this.rows = last;
    return last;
  }
}

// A text as the server compares it in searches: without case and accents.
const searched = (text) =>
  (text ?? "")
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();

// Whether a changed row still matches the filter, as far as the row itself shows.
export function fits(row, query) {
  const among = (name, value) =>
    !query[name] ||
    String(query[name])
      .split(",")
      .map((word) => word.trim())
      .some((word) => word === value || word.includes("*"));
  const user = searched(query.user);
  return (
    among("status", row.status) &&
    among("label", row.label) &&
    among("situation", row.situation) &&
    among("kind", row.kind) &&
    among("queue", row.queue) &&
    (!user || row.user_id === user || searched(row.user_email).startsWith(user)) &&
    (!query.other_than || (row.user_id && row.user_id !== query.other_than)) &&
    (!query.due || (row.status === "queued" && Date.parse(row.run_at) <= Date.now() === (query.due === "yes"))) &&
    (!query.created_after || Date.parse(row.created_at) >= Date.parse(query.created_after)) &&
    (!query.created_before || Date.parse(row.created_at) < Date.parse(query.created_before)) &&
    (!query.finished_after || Date.parse(row.finished_at) >= Date.parse(query.finished_after)) &&
    (!query.finished_before || Date.parse(row.finished_at) < Date.parse(query.finished_before))
  );
}

// What a row itself shows.
const FIELDS = "status label situation kind queue user other_than due created_after created_before";
const SHOWN = new Set(`${FIELDS} finished_after finished_before`.split(" "));

// Whether a row itself shows that it matches; where not, the server is asked.
export const decides = (query) =>
  Object.entries(query).every(([name, value]) => !value || (SHOWN.has(name) && !/[*]/.test(value)));
