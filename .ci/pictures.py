"""Takes the pictures of docs/console.md, of a console with the sample's jobs: make pictures."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.console import console  # noqa: E402 - found by the line above
from benchmarks.place import private_place  # noqa: E402
from benchmarks.processes import running  # noqa: E402
from benchmarks.visits import Site, chromium, new_context  # noqa: E402
from core.analytics import rolling  # noqa: E402
from core.database.engine import connect, session_scope  # noqa: E402
from core.sample import fill  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
USERS, JOBS = 300, 20_000
#: Seconds after which the worker has sealed the sample's audit log.
SEALED = 15
#: What is shown: its name, its address, and what must be there before the picture is taken.
PICTURES = (
    ("overview", "/", ".tile .figure"),
    ("jobs", "/jobs?q=situation:failed", ".job-grid .jg-status"),
    ("job", "/jobs/{job}", ".attempt"),
    ("failure", "/failures/{error}", "h1"),
    ("user", "/users/{user}", ".diagnosis .sentence"),
    ("analytics", "/analytics", ".tile .figure, .figure"),
)
_FAILED = """SELECT id AS job, user_id AS user, error_fingerprint AS error FROM background_jobs
    WHERE status = 'failed' AND user_id IS NOT NULL AND error_fingerprint IS NOT NULL AND attempt > 1
    ORDER BY created_at DESC LIMIT 1"""


def main() -> None:
    """Take them all, at a laptop's width."""
    FOLDER.mkdir(exist_ok=True)
    with _site() as (site, named), chromium() as browser:
        page = new_context(browser, site).new_page()
        for name, address, there in PICTURES:
            page.goto(address.format(**named))
            page.wait_for_selector(there)
            page.wait_for_timeout(1_000)  # what comes a moment later: counts, ages, bars
            page.screenshot(path=str(FOLDER / f"{name}.png"))
            print(f"docs/pictures/{name}.png")


@contextmanager
def _site() -> Iterator[tuple[Site, dict[str, Any]]]:
    """Serve a console with the sample, and give what its addresses name."""
    with private_place() as place:
        url = place.new_database("pictures", migrated=True)
        engine = connect(url)
        fill(engine, users=USERS, jobs=JOBS, now=datetime.now(UTC))
        with session_scope(engine) as session:
            for stretch in rolling.stretches(session):
                rolling.write(session, stretch)
            named = session.connection().execute(text(_FAILED)).one()._asdict()
        worker = running(("main.py", "worker", "--threads", "4"), place.environment(url), place.folder / "worker.log")
        with worker, console(place, url, engine) as served:
            time.sleep(SEALED)
            yield Site(str(served.client.base_url), served.pid, served.client.cookies["unstuck_session"]), named
        engine.dispose()


if __name__ == "__main__":
    main()
