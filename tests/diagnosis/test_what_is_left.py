"""What a failure or a stop leaves of a customer's data is said as it is, by each operation."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.diagnosis.customer import demo_state
from core.diagnosis.user import explain_job
from core.errors import TryAgain
from core.jobs import finish
from core.jobs.failure import failure_of
from core.models import BackgroundJob
from core.operation import Operation
from core.operations import demo, operations_on
from tests import driving
from tests.journeys.stuck.stage import Stage
from tests.repeats import mostly_slow


@pytest.mark.parametrize("has_begun", mostly_slow([True, False], fast=1), ids=["after a checkpoint", "at once"])
@pytest.mark.parametrize("operation", operations_on(demo.demo_mode), ids=lambda operation: operation.name)
def test_a_failure_says_of_every_operation_what_it_has_left(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, operation: Operation[Any, Any], has_begun: bool
) -> None:
    user = driving.reach(engine, operation)
    had = driving.picture(engine, user)["interactions"]
    job = driving.ask(engine, operation, user, driving.smallest_form(operation))
    held = driving.must_take(engine)
    if has_begun and (had or operation.target == "enabled"):
        with monkeypatch.context() as patch:
            driving.at_checkpoint(patch, 0, after=driving.die(patch))
            with pytest.raises(driving.Killed):
                driving.work_on(engine, held)
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(TryAgain("503")))

    with Session(engine) as session:
        diagnosis, page = explain_job(session, job), demo_state(session, user)
    assert driving.picture(engine, user)["interactions"] == []
    for said in (" ".join(diagnosis.evidence), diagnosis.customer, page.sentence):
        assert "undone" not in said
        assert "is deleted" not in said, "it is a fact"
        assert ("deleted" in said) or not had, f"the customer had data before, and has none now: {said}"
    if operation is demo.switch:
        assert "The previous creator's data was deleted and is not restored" in page.sentence
    assert diagnosis.remedy.effect.startswith("A new job starts from the beginning.")
    assert "deleted" not in diagnosis.remedy.effect, "a retry does nothing to what is gone"


def test_what_could_not_be_cleaned_up_is_not_said_to_be_gone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    user = driving.prepare(engine, demo.enable)
    job = driving.ask(engine, demo.enable, user, {"preset": "nano"})
    held = driving.must_take(engine)
    with monkeypatch.context() as patch:
        patch.setattr(finish, "work_of", lambda *_: 1 / 0)
        with session_scope(engine) as session:
            finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(TryAgain("503")))
    with Session(engine) as session:
        assert "may be left" in explain_job(session, job).customer


def test_a_customer_reads_what_a_stop_leaves_before_pressing_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = driving.reach(engine, demo.switch)
    driving.ask(engine, demo.switch, user, {"preset": "nano"})
    with Session(engine) as session:
        assert demo_state(session, user).cancel.effect == "Everything stays as it is."
    driving.at_checkpoint(monkeypatch, 0, after=driving.die(monkeypatch))
    with pytest.raises(driving.Killed):
        driving.run_next(engine)
    with Session(engine) as session:
        offer = demo_state(session, user).cancel
    assert offer.label == "Stop the switch"
    assert offer.effect == "The previous creator's data is deleted and not restored; demo mode ends up off."


def test_what_a_failure_would_leave_is_said_before_it_and_what_it_left_after_it(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    stage.silence(seconds=33)
    assert re.search(r"In that case, what was generated \(.* interactions\) is deleted\.", stage.customer().sentence)
    stage.sweep()
    stage.fail(TryAgain("503"), 3)
    assert re.search(r"What was generated \(.* interactions\) was deleted\.", stage.customer().sentence)


def test_a_failure_that_generated_nothing_says_that_it_left_no_data(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain("503"))
    assert "It left no data behind." in stage.customer().sentence
