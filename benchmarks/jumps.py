"""First rows and jumps of the scrollbar in a list of very many jobs, in a real Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.console import console
from benchmarks.figures import percentile
from benchmarks.place import Place
from benchmarks.visits import Site, chromium, new_context, visit
from core.database.engine import connect
from core.sample import fill

#: Lists by their filter: everything, a kind, a state, and the oldest first.
LISTS = ("", "?kind=demo.enable", "?status=failed", "?sort=created_at")
#: Places of the scrollbar, in the order in which they are jumped to; the last is the last row.
PLACES = (0.5, 0.1, 0.9, 0.37, 1.0)
#: Milliseconds that first rows and each jump may take.
MOST = 500
READY = "document.querySelector('.job-grid .jg-status')?.textContent"
#: Jumps, and gives the milliseconds until each row in view has its content in a painted frame.
JUMP = """(place) => new Promise((done) => {
  const view = document.querySelector(".jg-view"), began = performance.now();
  view.scrollTop = place * (view.scrollHeight - view.clientHeight);
  const look = () => {
    const seen = [...document.querySelectorAll(".jg-row")].map((row) => row.querySelector(".jg-status"));
    const before = look.moved;
    look.moved = true; // the rows of the new place are laid out with the next frame
    if (before && seen.length && seen.every((cell) => cell?.textContent)) done(performance.now() - began);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def measure(place: Place, rows: int) -> list[str]:
    """Return the table's rows."""
    with _site(place, rows) as site, chromium() as browser:
        context = new_context(browser, site)
        visit(context, site, "/jobs", READY)  # what a browser keeps is loaded
        firsts = {each: visit(context, site, f"/jobs{each}", READY).ready for each in LISTS}
        jumps = {each: _jumps(context, each) for each in LISTS}
    return [
        f"/jobs{each} of {rows:,} | first rows {firsts[each]:.0f} ms; {len(jumps[each])} jumps "
        f"p50 {percentile(jumps[each], 0.5):.0f}, worst {max(jumps[each]):.0f} ms | {MOST} ms each"
        for each in LISTS
    ]


@contextmanager
def _site(place: Place, rows: int) -> Iterator[Site]:
    url = place.new_database("jumps", migrated=True)
    engine = connect(url)
    fill(engine, users=max(50, rows // 500), jobs=rows, now=datetime.now(UTC))
    with console(place, url, engine) as served:
        yield Site(str(served.client.base_url), served.pid, served.client.cookies["unstuck_session"])
    engine.dispose()


def _jumps(context: Any, query: str) -> list[float]:
    page = context.new_page()
    page.goto(f"/jobs{query}")
    page.wait_for_function(READY)
    times = [float(page.evaluate(JUMP, place)) for place in PLACES]
    page.close()
    return times
