"""Changes that screens poll for: none is lost, however many there are and in whatever order they were committed."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.bus import Changes
from core.job_list import changes
from core.job_list.changes import changed_since

REQUEST = text("""
    INSERT INTO background_jobs (id, kind, queue, status, created_at, updated_at)
    SELECT gen_random_uuid(), 'demo.enable', 'demo', 'queued', now(), statement_timestamp()
    FROM generate_series(1, :jobs) RETURNING id
""")
#: A job that has ended is known by its event alone.
END = text("""
    INSERT INTO events (at, name, job_id) SELECT statement_timestamp(), 'job.succeeded', gen_random_uuid()
    FROM generate_series(1, :jobs) RETURNING job_id
""")


def change(session: Session, statement: Any, jobs: int) -> set[UUID]:
    return set(session.connection().execute(statement, {"jobs": jobs}).scalars())


@pytest.mark.parametrize("statement", [REQUEST, END], ids=["requested", "ended"])
def test_every_change_of_a_crowd_is_reported(session: Session, statement: Any) -> None:
    _, mark = changed_since(session, None)
    crowd = change(session, statement, 1_500)
    reported, _ = changed_since(session, mark)
    assert crowd <= reported.jobs


def test_more_changes_than_can_be_named_are_reported_as_everything(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_CHANGES", 3)
    _, mark = changed_since(session, None)
    change(session, REQUEST, 3)
    reported, mark = changed_since(session, mark)
    assert not reported.everything
    change(session, END, 1)
    assert changed_since(session, mark)[0] == Changes(everything=True)


def test_a_screen_that_has_not_looked_for_long_loads_everything(session: Session) -> None:
    everything, mark = changed_since(session, None)
    assert everything == Changes(everything=True)
    long_ago = changes.Mark(mark.at - 2 * changes.LONGEST_PAUSE)
    assert changed_since(session, long_ago)[0] == Changes(everything=True)


def test_an_end_that_was_committed_after_many_later_ones_is_reported(engine: Engine) -> None:
    with Session(engine) as session, Session(engine) as slow, Session(engine) as quick:
        late = change(slow, END, 1)
        change(quick, END, 500)
        quick.commit()
        _, mark = changed_since(session, None)
        session.commit()
        slow.commit()
        reported, _ = changed_since(session, mark)
    assert late <= reported.jobs
