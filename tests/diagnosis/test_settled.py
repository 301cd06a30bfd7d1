"""A failure is open until other work has come after it; a retry that was cancelled is none."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import bus, clock
from core.database.engine import session_scope
from core.diagnosis.incidents import incidents
from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.errors import GiveUp, TryAgain
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.jobs.retry import retry
from core.models import BackgroundJob, JobStatus
from core.operations import demo
from core.overview import overview
from core.people.in_need import need_groups
from tests import driving
from tests.factories import SUPPORT
from tests.journeys.stuck.stage import Moves, Stage

ERROR = "The demo service sent an invalid response."


def failed(engine: Engine) -> Stage:
    stage = Stage(engine)
    stage.ask()
    stage.fail(GiveUp(ERROR), 1)
    return stage


def again(stage: Stage) -> Stage:
    """Request the failed job again, and return the same stage of the new job."""
    with session_scope(stage.engine) as session:
        return Stage(stage.engine, stage.user, retry(session, stage.job, SUPPORT).id)


def cancelled(stage: Stage, change: Callable[[Stage], Stage] = again) -> Stage:
    new = change(stage)
    driving.ask_to_cancel(stage.engine, new.job)
    return new


def dismissed(stage: Stage) -> Stage:
    new = Stage(stage.engine, stage.user)
    new.ask(demo.dismiss)
    return new


def situations(engine: Engine, stage: Stage) -> set[Situation]:
    """Return what the job's page and the list of jobs say."""
    with Session(engine) as session:
        open_ones = page(session, JobFilter(situation=Situation.FAILED), limit=200).items
        by_list = Situation.FAILED if str(stage.job) in {row["id"] for row in open_ones} else Situation.HANDLED
        return {explain_job(session, stage.job).situation, by_list}


def test_a_failure_whose_retry_was_cancelled_is_open_wherever_it_is_said(engine: Engine) -> None:
    stages = [failed(engine) for _ in range(3)]
    for stage in stages:
        cancelled(stage)
    stage = stages[0]
    assert situations(engine, stage) == {Situation.FAILED}
    with Session(engine) as session:
        diagnosis, shown = explain_job(session, stage.job), overview(session)
        assert not any(
            "dealt with" in each or "It is handled" in each for each in (*diagnosis.evidence, diagnosis.customer)
        )
        assert diagnosis.remedy == stage.diagnosis().remedy
        assert diagnosis.alike[0].sentence.startswith("2 other users failed for the same reason")
        assert [(group.count, group.users) for group in shown.failures] == [(3, 3)]
        assert any(ERROR in each.sentence for each in incidents(session, clock.now()))
        assert {(each.latest.situation, each.latest.cause) for each in need_groups(session, 9)} == {
            (Situation.FAILED, ERROR)
        }


_SETTLING: dict[str, Moves] = {
    "a retry that waits": again,
    "a retry that runs": lambda stage: (again(stage), driving.must_take(stage.engine)),
    "a retry that failed": lambda stage: again(stage).fail(TryAgain("503")),
    "a retry that succeeded": lambda stage: (again(stage), driving.run_next(stage.engine)),
    "a retry that failed, and another that was cancelled": lambda stage: cancelled(_failed_again(stage)),
    "a dismiss": lambda stage: (dismissed(stage), driving.run_next(stage.engine)),
    "a row that a person has changed": lambda stage: stage.sql("UPDATE users SET demo_mode_status = 'disabled'"),
}  # fmt: skip


def _failed_again(stage: Stage) -> Stage:
    new = again(stage)
    new.fail(GiveUp(ERROR), 1)
    return new


@pytest.mark.parametrize("settle", _SETTLING.values(), ids=_SETTLING)
def test_other_work_settles_a_failure(engine: Engine, settle: Moves) -> None:
    stage = failed(engine)
    settle(stage)
    assert situations(engine, stage) == {Situation.HANDLED}


def test_a_dismiss_that_was_cancelled_settles_nothing(engine: Engine) -> None:
    stage = failed(engine)
    cancelled(stage, dismissed)
    assert situations(engine, stage) == {Situation.FAILED}


def test_screens_are_told_that_the_failure_is_open_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = failed(engine)
    new, published = again(stage), list[bus.Changes]()
    monkeypatch.setattr(bus, "publish", published.append)
    driving.ask_to_cancel(engine, new.job)
    assert {job for each in published for job in each.jobs} == {stage.job, new.job}


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.QUEUED])
def test_a_task_that_failed_is_open_again_once_its_retry_was_cancelled(engine: Engine, status: JobStatus) -> None:
    ended = {"status": JobStatus.FAILED, "token": 1, "finished_at": clock.now() - timedelta(minutes=5)}
    task = BackgroundJob(kind="maintenance.expire_sessions", **ended)
    with session_scope(engine) as session:
        session.add_all([task, BackgroundJob(kind=task.kind, status=status, retry_of=task.id)])
        stage = Stage(engine, job=task.id)
    expected = Situation.FAILED if status is JobStatus.CANCELLED else Situation.HANDLED
    assert situations(engine, stage) == {expected}
