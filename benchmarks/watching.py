"""From a worker's commit to the pixel of a page that is open, and what many open pages cost the console."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from benchmarks import ours
from benchmarks.console import console
from benchmarks.figures import percentile
from benchmarks.place import Place
from benchmarks.processes import hear, running
from benchmarks.visits import Site, chromium, cpu_of, new_context
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import request_task
from core.models import Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME

#: Running jobs, and seconds between two commits of each: ten commits a second.
JOBS, PAUSE = 30, 3.0
#: Commits of a job: more than are looked at.
STEPS = 1_000
#: Pages in a real browser, whose pixels count.
PAINTED = 3
#: What the others show.
PATHS = ("/jobs", "/", "/users")
#: Targets: milliseconds from commit to pixel, the console's share of a core.
TARGET = "p95 250 ms, 25 % of a core"
#: Notes the age of each commit in the frame in which a bar shows it: the time before the commit is in its message.
PROBE = """(() => { window.ages = []; const seen = new WeakMap();
  const look = () => {
    for (const bar of document.querySelectorAll('.jg-progress')) {
      const at = Number(bar.title.split('· ')[1]);
      if (at && seen.get(bar) !== at) { seen.set(bar, at); window.ages.push(Date.now() - at); }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look); })()"""


def _step(_: TaskWork[NoForm]) -> Steps:
    time.sleep(random.uniform(0, PAUSE))
    for number in range(STEPS):
        yield Progress(number + 1, STEPS, str(int(time.time() * 1000)))
        time.sleep(PAUSE)


steps = Task(name="bench.steps", label="Steps", form=NoForm, run=_step, role=Role.ADMIN, queue=ours.QUEUE)


def measure(place: Place, seconds: int) -> list[str]:
    """Return the table's rows: with a hundred open pages and with three, looked at for `seconds` each."""
    url = place.new_database("watching", migrated=True)
    engine = connect(url)
    worker = running(
        ("-m", "benchmarks.watching", "worker", "--threads", str(JOBS)), place.environment(url), place.folder / "w.log"
    )
    with console(place, url, engine) as ours_alone, worker, chromium() as browser:
        site = Site(
            str(ours_alone.client.base_url).rstrip("/"), ours_alone.pid, ours_alone.client.cookies["unstuck_session"]
        )
        with session_scope(engine) as session:
            for _ in range(JOBS):
                request_task(session, steps, NoForm(), ENGINE)
        pages = _painted(browser, site)
        few = _watched(site, pages, seconds)
        with _others(place, url, site):
            many = _watched(site, pages, seconds)
    engine.dispose()
    named = ((PAINTED, few), (100, many))
    return [
        f"{JOBS / PAUSE:.0f} commits/s of {JOBS} running jobs, {number} open pages | {row} | {TARGET}"
        for number, row in named
    ]


def _painted(browser: Any, site: Site) -> list[Any]:
    pages = []
    for _ in range(PAINTED):
        page = new_context(browser, site).new_page()
        page.add_init_script(PROBE)
        page.goto("/jobs?status=running")
        pages.append(page)
    for page in pages:
        page.wait_for_function(f"document.querySelectorAll('.jg-progress').length >= {JOBS // 2}")
    return pages


@contextmanager
def _others(place: Place, url: str, site: Site) -> Iterator[None]:
    paths = [PATHS[number % len(PATHS)] for number in range(100 - PAINTED)]
    command = ("-m", "benchmarks.readers", site.url, site.cookie, *paths)
    with running(command, place.environment(url), place.folder / "readers.log") as readers:
        hear(readers)
        yield


def _watched(site: Site, pages: list[Any], seconds: int) -> str:
    time.sleep(2 * PAUSE)  # what opening the pages has cost is over
    for page in pages:
        page.evaluate("window.ages = []")
    before, began = cpu_of(site.pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_of(site.pid) - before) / (10 * (time.monotonic() - began))
    ages = [age for page in pages for age in page.evaluate("window.ages")]
    shares = ", ".join(
        f"{name} {percentile(ages, at):.0f}" for name, at in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    return f"{shares} ms ({len(ages)} painted), console {share:.0f} % of a core"


if __name__ == "__main__":
    cast(dict[str, Any], BY_NAME)[steps.name] = steps

    import main

    main.main()
