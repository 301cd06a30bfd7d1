"""What a page costs its reader and its server, beside an empty NiceGUI page in the same run and browser."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import mean, median
from typing import Any, Final

from sqlalchemy import Engine, text

from benchmarks.console import console
from benchmarks.place import Place
from benchmarks.processes import hear, running
from benchmarks.visits import SETTLED, Site, Visit, chromium, cpu_of, new_context, visit
from core.database.engine import connect
from core.sample import fill

#: The sample: enough rows to fill every list.
USERS, JOBS = 300, 5_000
#: Visits of each page, with what the browser keeps, before the first one that counts.
WARM_UP = 2
#: Visits without anything in the browser's cache: their bytes hardly differ.
COLD = 2
#: Seconds in which an idle console's own CPU is measured.
IDLE = 5

EMPTY: Final = "empty"
#: Path of each page, when its content is there, and targets: time and main thread as ratios, kB and requests cold.
PAGES: Final[Mapping[str, tuple[str, str, tuple[float, float, int, int]]]] = {
    "/jobs": ("/jobs", "document.querySelector('.job-grid .jg-status')?.textContent", (2.0, 1.6, 560, 24)),
    "/users": ("/users", "document.querySelector('.rows.users a .strong')?.textContent", (1.6, 1.6, 480, 24)),
    "/users/{id}": ("/users/{user}", "document.querySelector('.diagnosis .sentence')?.textContent && "
                    "document.querySelector('.columns .panel')", (1.8, 1.6, 480, 24)),
    "/": ("/", "document.querySelector('.tile .figure')?.textContent", (1.6, 1.6, 480, 24)),
}  # fmt: skip
#: Milliseconds of the server's CPU that a page may cost.
MOST_CPU: Final = 20


def measure(place: Place, rounds: int) -> list[str]:
    """Return the table's rows."""
    with _sites(place) as (sites, user), chromium() as browser:
        pages = {name: (path.format(user=user), there) for name, (path, there, _) in PAGES.items()}
        plan = [(EMPTY, sites[EMPTY], "/", "document.querySelector('#ready')")]
        plan += [(name, sites[""], path, there) for name, (path, there) in pages.items()]
        cold = {name: [_cold(browser, site, path, there) for _ in range(COLD)] for name, site, path, there in plan}
        warm = _warm(browser, plan, rounds)
        idle = _idle(sites[""])  # a console that has just started still warms up
    base = warm.pop(EMPTY)
    server = mean(each.server for each in base)
    yardstick = f"{_of(base, 'ready'):.0f} ms, main thread {_of(base, 'main_thread'):.0f} ms, server {server:.0f} ms"
    size = f"{cold[EMPTY][-1].size / 1000:.0f} kB in {cold[EMPTY][-1].requests} requests"
    rows = [f"An empty NiceGUI page ({rounds}) | {yardstick}, cold {size} | "]
    return rows + [_row(name, visits, base, cold[name][-1], idle) for name, visits in warm.items()]


@contextmanager
def _sites(place: Place) -> Iterator[tuple[dict[str, Site], Any]]:
    """Serve the console with sample data, and an empty page; give both and the id of a user."""
    url = place.new_database("pages", migrated=True)
    engine = connect(url)
    fill(engine, users=USERS, jobs=JOBS, now=datetime.now(UTC))
    empty = running(("-m", "benchmarks.empty_page"), place.environment(url), place.folder / "empty.log")
    with console(place, url, engine) as ours, empty as process:
        own = Site(str(ours.client.base_url), ours.pid, ours.client.cookies["unstuck_session"])
        sites = {"": own, EMPTY: Site(hear(process).rsplit(" ", 1)[1], process.pid)}
        yield sites, _busiest_user(engine)
    engine.dispose()


def _busiest_user(engine: Engine) -> Any:
    query = "SELECT user_id FROM background_jobs WHERE user_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    with engine.connect() as connection:
        return connection.scalar(text(query))


def _idle(site: Site) -> float:
    """Return the share of a core that an idle server uses."""
    before = cpu_of(site.pid)
    time.sleep(IDLE)
    return (cpu_of(site.pid) - before) / (1000 * IDLE)


def _cold(browser: Any, site: Site, path: str, there: str) -> Visit:
    context = new_context(browser, site)
    seen = visit(context, site, path, there)
    context.close()
    return seen


def _warm(browser: Any, plan: list[tuple[str, Site, str, str]], rounds: int) -> dict[str, list[Visit]]:
    """Visit all pages in turns, so that a disturbance of the machine hits all alike."""
    contexts = {site.url: new_context(browser, site) for _, site, _, _ in plan}
    visits: dict[str, list[Visit]] = {name: [] for name, *_ in plan}
    for number in range(WARM_UP + rounds):
        for name, site, path, there in plan if number % 2 else plan[::-1]:
            seen = visit(contexts[site.url], site, path, there)
            if number >= WARM_UP:
                visits[name].append(seen)
    return visits


def _of(visits: list[Visit], figure: str) -> float:
    return float(median(getattr(each, figure) for each in visits))


def _row(name: str, visits: list[Visit], base: list[Visit], cold: Visit, idle: float) -> str:
    ready, thread = (_of(visits, figure) / _of(base, figure) for figure in ("ready", "main_thread"))
    later = _of(visits, "first_byte") - _of(base, "first_byte")
    server = mean(each.server - idle * (each.ready + SETTLED) for each in visits)
    at_most = PAGES[name][2]
    measured = f"{ready:.2f}x, main thread {thread:.2f}x, server {server:.0f} ms, first byte {later:+.0f} ms"
    target = f"{at_most[0]}x, {at_most[1]}x, {MOST_CPU} ms, +15 ms, {at_most[2]} kB in {at_most[3]}"
    return f"{name} | {measured}, cold {cold.size / 1000:.0f} kB in {cold.requests} requests | {target}"
