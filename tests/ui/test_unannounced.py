"""What no commit announces reaches the pages, too: each reading of the summary is compared with the one before."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, update

from core import clock
from core.bus import Changes
from core.models import BackgroundJob
from tests.factories import make_user
from tests.loops import in_a_loop
from ui import access, live
from ui.refreshes import Watcher


class Page:
    """A page as far as refreshes need one."""

    is_deleted = False
    has_socket_connection = True

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def hub(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> live.Hub:
    monkeypatch.setattr(access, "_engines", [engine])
    return live.Hub()


def watched(hub: live.Hub, **about: Any) -> list[str]:
    runs: list[str] = []
    page: Any = Page()
    refresh = lambda: runs.append("refreshed")  # noqa: E731
    hub.watch(Watcher(page, refresh, about.get("user_id"), about.get("job_id"), None), hub._watchers)
    return runs


def read(hub: live.Hub) -> None:
    in_a_loop(hub._read_health())


def test_lists_refresh_when_a_job_has_become_due(hub: live.Hub, session: Session) -> None:
    user = make_user(session)
    job = BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id, run_at=clock.now() + timedelta(hours=1))
    session.add(job)
    session.commit()
    lists, other = watched(hub), watched(hub, user_id=user.id)
    read(hub)
    read(hub)
    noted = hub.noted
    assert lists == [], "nothing has changed"
    session.exec(update(BackgroundJob).where(col(BackgroundJob.id) == job.id).values(run_at=clock.db_now()))
    session.commit()
    read(hub)
    assert lists == ["refreshed"]
    assert hub.noted > noted, "counts that are shared are read again"
    assert other == []
    assert hub._pending == Changes(), "its announcement may be on the way"
    read(hub)
    assert hub._pending.everything, "rows in grids and pages of one user or job are loaded again"


def test_rows_are_not_loaded_again_for_what_was_announced(hub: live.Hub, session: Session) -> None:
    read(hub)
    job = BackgroundJob(kind="demo.enable", queue="demo")
    session.add(job)
    session.commit()
    read(hub)
    hub._note(Changes(jobs={job.id}))
    hub._pending = Changes()
    read(hub)
    read(hub)
    assert hub._pending == Changes()
