"""The state of an error: what people decide of it, what ends that, and who hears of it meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlmodel import Session

from core import clock
from core.alerts.errors import new_errors
from core.diagnosis.error_state import ErrorState
from core.diagnosis.failing import failing_reasons
from core.errors import Invalid, NotAllowed, NotFound
from core.failures import handling
from core.failures.decision import decision_of, sentence_of
from core.failures.groups import FailureGroup, Shelf, groups_of_hours
from core.failures.one_group import failure_detail
from core.models import DemoModeStatus, JobStatus, Role, Worker
from core.overview import overview
from tests.factories import SUPPORT, make_user
from tests.ui.test_failures_page import fails

ERROR = "busy"


@pytest.fixture
def failures(session: Session) -> Iterator[Session]:
    """Three users failed with the error an hour ago, and one with another one."""
    for _ in range(3):
        fails(session, make_user(session, demo_mode_status=DemoModeStatus.FAILED), hours=0.1)
    fails(session, make_user(session, demo_mode_status=DemoModeStatus.FAILED), hours=0.1, error="other")
    session.commit()
    return session


def again(session: Session, number: int = 1, **more: Any) -> None:
    """Let jobs fail with the error after all that was decided."""
    for _ in range(number):
        job = fails(session, make_user(session, demo_mode_status=DemoModeStatus.FAILED), hours=0)
        job.sqlmodel_update(more)
        job.finished_at = clock.db_now()
        session.add(job)
    session.commit()


def group(session: Session) -> FailureGroup:
    return next(each for each in groups_of_hours(session, 24).groups if each.fingerprint == ERROR)


def words(session: Session) -> str:
    state = group(session).state
    return sentence_of(decision_of(session, ERROR, state), clock.now())


def ignore(session: Session, **terms: int) -> None:
    handling.ignore(session, handling.IgnoreForm(fingerprint=ERROR, **terms), SUPPORT, "known")
    session.commit()


def resolve(session: Session, version: str | None = None) -> None:
    handling.resolve(session, handling.ResolveForm(fingerprint=ERROR, version=version), SUPPORT, None)
    session.commit()


def reopen(session: Session) -> None:
    handling.reopen(session, handling.FailureForm(fingerprint=ERROR), SUPPORT, None)
    session.commit()


def test_an_error_of_which_nobody_has_decided_anything_is_open(failures: Session) -> None:
    assert group(failures).state is ErrorState.OPEN
    assert words(failures) == "Nobody has decided anything yet."
    with pytest.raises(NotAllowed, match="open already"):
        reopen(failures)
    failures.rollback()
    with pytest.raises(NotFound):
        handling.ignore(failures, handling.IgnoreForm(fingerprint="nothing"), SUPPORT, "known")


def test_an_error_is_ignored_until_a_time(failures: Session) -> None:
    ignore(failures, hours=2)
    again(failures, 5)
    assert group(failures).state is ErrorState.IGNORED
    assert "5 jobs failed since" in words(failures)
    failures.connection().execute(text("UPDATE failure_states SET until = now() - interval '1 s'"))
    failures.commit()
    assert group(failures).state is ErrorState.OPEN
    assert words(failures).startswith("Open again: it was ignored by")


def test_an_error_is_ignored_until_so_many_more_have_failed(failures: Session) -> None:
    ignore(failures, count=2)
    again(failures)
    assert group(failures).state is ErrorState.IGNORED
    again(failures)
    assert group(failures).state is ErrorState.OPEN


def test_an_error_is_ignored_until_more_than_so_many_have_failed_within_an_hour(failures: Session) -> None:
    ignore(failures, per_hour=2)
    failures.connection().execute(text("UPDATE failure_states SET decided_at = now() - interval '10 h'"))
    failures.connection().execute(text("UPDATE background_jobs SET finished_at = now() - interval '11 h'"))
    for hours in (9, 7, 5):
        fails(failures, None, hours=hours)
    failures.commit()
    assert group(failures).state is ErrorState.IGNORED, "three, hours apart"
    for hours in (4.9, 4.5):
        fails(failures, None, hours=hours)
    failures.commit()
    assert group(failures).state is ErrorState.OPEN, "three within an hour, though that is over"


def test_a_failure_after_a_resolve_is_a_regression(failures: Session) -> None:
    resolve(failures)
    assert group(failures).state is ErrorState.RESOLVED
    assert "The next failure reopens it." in words(failures)
    again(failures)
    assert group(failures).state is ErrorState.REGRESSION
    assert "Regression: resolved by" in words(failures)
    assert "1 job failed since, the first at" in words(failures)
    resolve(failures)
    assert group(failures).state is ErrorState.RESOLVED
    reopen(failures)
    assert group(failures).state is ErrorState.OPEN
    assert words(failures).startswith("Reopened by")


def test_what_an_older_version_does_says_nothing_against_a_resolve_in_a_version(failures: Session) -> None:
    old, new = (Worker(host="vm-1", pid=1, threads=1, queues=["demo"], version=each) for each in ("1.4", "1.5"))
    failures.add(old)
    failures.commit()
    resolve(failures, "1.5")
    again(failures, worker_id=old.id)
    assert group(failures).state is ErrorState.RESOLVED
    assert "Resolved in version 1.5 by" in words(failures)
    failures.add(new)
    failures.commit()
    again(failures, worker_id=new.id)
    assert group(failures).state is ErrorState.REGRESSION
    later = Worker(host="vm-1", pid=1, threads=1, queues=["demo"], version="1.6")
    resolve(failures, "1.5")
    failures.add(later)
    failures.commit()
    again(failures, worker_id=later.id)
    assert group(failures).state is ErrorState.REGRESSION, "a version that came later has the repair, too"


@pytest.mark.parametrize("decide", [lambda session: ignore(session, hours=1), resolve])
def test_what_is_handled_leaves_overview_alerts_and_incidents_until_it_is_back(failures: Session, decide: Any) -> None:
    def told(session: Session) -> list[bool]:
        return [
            ERROR in {each.fingerprint for each in overview(session).failures},
            ERROR in {each.fingerprint for each in new_errors(session, [])},
            ERROR in {each.fingerprint for each in new_errors(session, [ERROR])},
            ERROR in {each.fingerprint for each in failing_reasons(session)},
            ERROR in {each.fingerprint for each in groups_of_hours(session, 24).on(Shelf.OPEN)},
        ]

    assert told(failures) == [True] * 5
    before = overview(failures).users
    decide(failures)
    assert told(failures) == [False] * 5
    assert overview(failures).users == before, "the users are failed still"
    reopen(failures)
    assert told(failures) == [True] * 5


def test_a_regression_is_news_however_long_its_error_has_been_there(failures: Session) -> None:
    fails(failures, None, hours=50)
    failures.commit()
    assert ERROR not in {each.fingerprint for each in new_errors(failures, [])}
    resolve(failures)
    again(failures)
    [back] = [each for each in new_errors(failures, []) if each.fingerprint == ERROR]
    assert back.news == "A resolved error is back"
    first = groups_of_hours(failures, 24).on(Shelf.OPEN)[0]
    assert (first.fingerprint, first.state) == (ERROR, ErrorState.REGRESSION)


def test_shelves_count_what_they_list(failures: Session) -> None:
    resolve(failures)
    found = groups_of_hours(failures, 24)
    assert {shelf: len(found.on(shelf)) for shelf in Shelf} == dict(found.counts)
    assert found.counts == {Shelf.OPEN: 1, Shelf.HANDLED: 0, Shelf.IGNORED: 0, Shelf.RESOLVED: 1}


def test_an_operator_takes_care_of_an_error_and_notes_stay(failures: Session) -> None:
    ana = make_user(failures, role=Role.SUPPORT, name="Ana")
    member = make_user(failures)
    failures.commit()
    handling.assign(failures, handling.AssignForm(fingerprint=ERROR, owner=ana.id), SUPPORT, None)
    handling.note(failures, handling.NoteForm(fingerprint=ERROR, text=" Asked the provider. "), SUPPORT, None)
    found = failure_detail(failures, ERROR, 24)
    assert (found.group.owner, found.decision.owner_id, found.decision.at) == ("Ana", ana.id, None)
    assert [(each.text, each.author) for each in found.notes] == [("Asked the provider.", SUPPORT.name)]
    with pytest.raises(Invalid):
        handling.assign(failures, handling.AssignForm(fingerprint=ERROR, owner=member.id), SUPPORT, None)
    with pytest.raises(ValidationError):
        handling.NoteForm(fingerprint=ERROR, text=" \n")
    handling.assign(failures, handling.AssignForm(fingerprint=ERROR), SUPPORT, None)
    assert group(failures).owner == ""


@pytest.mark.parametrize(
    ("failed_on", "succeeded_on", "sentence"),
    [
        (["vm-2 1.4"], ["vm-1 1.4"], "Only on vm-2: on other workers"),
        (["vm-1 1.4", "vm-2 1.4"], ["vm-1 1.3"], "Only with version 1.4: with others"),
        (["vm-2 1.4"], ["vm-1 1.3"], "Only on vm-2 with version 1.4: elsewhere"),
        (["vm-2 1.4"], ["vm-2 1.4"], ""),
        (["vm-2 1.4"], [], ""),
        (["vm-1 1.3", "vm-2 1.4"], ["vm-3 1.5"], ""),
        (["vm-2 1.4", ""], ["vm-1 1.4"], ""),
        (["vm-1 ", "vm-2 "], ["vm-1 1.4"], ""),  # an unknown version is none to blame
        (["vm-2 "], ["vm-1 1.4"], "Only on vm-2: on other workers"),
    ],
)
def test_it_says_where_alone_an_error_happens_if_the_rows_say_so(
    session: Session, failed_on: list[str], succeeded_on: list[str], sentence: str
) -> None:
    workers: dict[str, Worker] = {}
    for place in filter(None, {*failed_on, *succeeded_on}):
        host, _, version = place.partition(" ")
        workers[place] = Worker(host=host, pid=1, threads=1, queues=["demo"], version=version)
        session.add(workers[place])
    session.flush()
    for place in failed_on * 3:  # one or two on one worker are chance
        fails(session, None).worker_id = workers[place].id if place else None
    for place in succeeded_on:
        job = fails(session, None)
        job.status, job.error_fingerprint, job.worker_id = JobStatus.SUCCEEDED, None, workers[place].id
    session.commit()
    found = failure_detail(session, ERROR, 24).confined_to
    assert found.startswith(sentence)
    assert bool(found) is bool(sentence)


def test_the_versions_that_an_error_may_be_resolved_in_are_those_of_workers_the_latest_first(session: Session) -> None:
    now = clock.now()
    for days, version in ((3, "1.3"), (2, "1.4"), (1, "1.3"), (0, "")):
        started = now - timedelta(days=days)
        session.add(Worker(host="w", pid=1, threads=1, queues=["demo"], version=version, started_at=started))
    session.flush()
    assert handling.versions(session) == ["1.3", "1.4"]


def test_two_failures_on_one_worker_say_nothing_of_where(session: Session) -> None:
    workers = [Worker(host=host, pid=1, threads=1, queues=["demo"], version="1.4") for host in ("vm-1", "vm-2")]
    session.add_all(workers)
    session.flush()
    well = fails(session, None)
    well.status, well.error_fingerprint, well.worker_id = JobStatus.SUCCEEDED, None, workers[0].id
    said = []
    for _ in range(3):
        fails(session, None).worker_id = workers[1].id
        session.flush()
        said.append(failure_detail(session, ERROR, 24).confined_to)
    assert [bool(each) for each in said] == [False, False, True]
