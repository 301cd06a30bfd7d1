"""What is said beside a blocked, lost or cancelled job is true to what comes of it, in both voices."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.diagnosis.answer import Remedy
from core.diagnosis.incidents import incidents
from core.diagnosis.user import explain_job
from core.errors import GiveUp, TryAgain
from core.jobs.labels import Label
from core.models import JobKind
from core.operation import Operation
from core.operations import demo
from core.queues import controls
from tests import driving
from tests.factories import ADMIN
from tests.journeys.stuck.stage import Stage
from tests.repeats import mostly_slow
from ui.cli.explanation import print_diagnosis
from ui.components.base.asking import question_before
from ui.components.demo.demo_words import completion, is_stopped, strip_words, strip_words_beside_sentence

_KEPT = ("is safe", "Nothing is lost")
_SWITCHED = "the previous creator's data is deleted and not restored"


def switching(engine: Engine) -> Stage:
    """Return a stage whose user's switch has lost its worker."""
    stage = Stage(engine)
    stage.enabled()
    stage.die_at_work(demo.switch)
    return stage


@pytest.mark.parametrize("seconds", [21, 33, 360], ids=["silent", "lost", "long lost"])
@pytest.mark.parametrize("has_another", mostly_slow([False, True], fast=1), ids=["alone", "with another"])
def test_a_customer_reads_what_the_end_of_a_lost_switch_leaves(
    engine: Engine, seconds: float, has_another: bool
) -> None:
    stage = switching(engine)
    stage.silence(seconds=seconds)
    if has_another:
        stage.new_worker()
    customer = stage.customer().sentence
    assert not any(kept in customer for kept in _KEPT)
    assert f"If it cannot go on, it ends, and we say so here. In that case, {_SWITCHED}" in customer


def test_a_job_that_has_not_begun_tells_its_customer_that_nothing_has_changed(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    assert stage.customer().sentence == (
        "It cannot start because of a fault on our side; it starts when the fault is mended. Nothing has changed yet."
    )


def failed(engine: Engine) -> Stage:
    """Return a stage whose user's job has failed; its worker has stopped since."""
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain("The demo service did not answer."))
    stage.sql("UPDATE workers SET stopped_at = now()")
    return stage


def offered(stage: Stage) -> Remedy:
    remedy = stage.diagnosis().remedy
    assert remedy is not None
    return remedy


def test_retry_says_what_the_new_job_would_wait_for(engine: Engine) -> None:
    stage = failed(engine)
    blocker = "no worker is alive for the queue demo"
    assert offered(stage).effect.endswith(f"It would wait: {blocker}.")
    with Session(engine) as session:
        diagnosis = explain_job(session, stage.job)
    assert f"At the moment, {blocker}." in diagnosis.evidence
    stage.new_worker()
    assert "would wait" not in offered(stage).effect
    stage.pause()
    stage.forbid()
    effect = offered(stage).effect
    assert "It would wait: queue demo is paused, by" in effect
    assert effect.endswith("and kind demo.enable is limited to 0.")


def test_dismiss_and_enable_again_say_what_their_own_kind_would_wait_for(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(GiveUp("The demo service sent an invalid response."), 1)
    stage.forbid("demo.dismiss")
    assert offered(stage).effect.endswith("It would wait: kind demo.dismiss is limited to 0.")
    other = Stage(engine)
    other.ask()
    driving.ask_to_cancel(engine, other.job)
    assert [each.effect for each in other.diagnosis().others] == ["Requests the same again, as a new job."]
    other.forbid()
    assert "kind demo.enable is limited to 0" in other.diagnosis().others[0].effect


def test_start_now_promises_no_start_that_a_limit_prevents(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask(run_in=timedelta(days=3))
    stage.new_worker()
    stage.forbid()
    start_now = stage.diagnosis().others[0]
    assert start_now.effect == "It is due at once. It would wait: kind demo.enable is limited to 0."
    assert offered(stage).command == "kind.limit", "what ends the wait is recommended instead"
    assert any(each.startswith("The limit was set by ") for each in evidence(stage))


def test_resume_says_what_the_job_would_still_wait_for(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.pause()
    stage.new_worker()
    assert offered(stage).effect == "Jobs of the queue demo can start again, this one too."
    stage.forbid()
    assert offered(stage).effect.endswith(" again. This one would still wait: kind demo.enable is limited to 0.")
    assert "Also, kind demo.enable is limited to 0." in evidence(stage)
    assert "Also, kind demo.enable is limited to 0. Can it be resumed?" in stage.diagnosis().for_admins


def test_a_limit_of_0_leads_to_the_page_queues_and_names_the_missing_worker(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.forbid()
    blocker = "no worker is alive for the queue demo"
    assert (offered(stage).command, offered(stage).href) == ("kind.limit", "/queues")
    assert offered(stage).effect.endswith(f"on the page Queues. This one would still wait: {blocker}.")
    assert f"Also, {blocker}." in evidence(stage)
    print_diagnosis(stage.diagnosis())
    assert "kinds limit demo.enable --max-running …" in capsys.readouterr().out


@pytest.mark.parametrize("is_planned", [True, False], ids=["start now", "retry"])
def test_what_makes_a_job_start_names_a_rate_that_is_used_up(engine: Engine, is_planned: bool) -> None:
    stage = Stage(engine)
    stage.ask(run_in=timedelta(days=3) if is_planned else None)
    if not is_planned:
        stage.fail(TryAgain("The demo service did not answer."))
    stage.new_worker()
    with Session(engine) as session:
        rate = controls.Limits(name="demo.enable", rate_count=1, rate_seconds=300)
        controls.limit_kind(session, rate, ADMIN, None)
        session.commit()
    assert "would wait" not in offered(stage).effect
    stage.sql("UPDATE job_kinds SET rate_left = 0, rate_at = now()")
    said = re.escape("It would wait: at most 1 job of demo.enable starts in 5 min; the next one can start in ")
    assert re.search(rf"{said}\d+ (s|min)\.$", offered(stage).effect)


def test_retry_of_a_mended_failure_says_what_the_new_job_would_wait_for(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(GiveUp("The demo service at http://x sent an invalid response."), 1)
    stage.sql("UPDATE workers SET stopped_at = now()")
    stage.pause()
    mended = stage.diagnosis().if_mended
    assert mended is not None
    assert mended.remedy is not None
    assert "It would wait: queue demo is paused, by" in mended.remedy.effect
    assert mended.remedy.effect.endswith("and no worker is alive for the queue demo.")
    assert any(each.startswith("At the moment, queue demo is paused") for each in mended.evidence)


def evidence(stage: Stage) -> tuple[str, ...]:
    return stage.diagnosis().evidence


def test_a_limit_says_who_set_it_when_and_why_as_a_pause_does(engine: Engine) -> None:
    stage = Stage(engine)
    stage.new_worker()
    stage.ask()
    stage.forbid(reason="the service asks for calm")
    diagnosis = stage.diagnosis()
    assert re.search(rf"its limit is 0, set by {ADMIN.name} at .*: the service asks for calm\.", diagnosis.sentence)
    assert ADMIN.name not in " ".join(diagnosis.evidence), "it is said once"
    with Session(engine) as session:
        [incident] = incidents(session, clock.now())
    assert f"limited to 0 running jobs by {ADMIN.name} since" in incident.sentence
    assert ": the service asks for calm · 1 job waits" in incident.sentence
    stage.forbid(most=None)
    with Session(engine) as session:
        row = session.get_one(JobKind, "demo.enable")
    assert (row.limited_at, row.limited_by, row.limited_reason) == (None, None, None), "no limit, no author"


@pytest.mark.parametrize("again", [demo.switch, demo.dismiss], ids=lambda operation: operation.name)
def test_after_a_cancelled_retry_both_voices_speak_of_the_failure(engine: Engine, again: Operation[Any, Any]) -> None:
    stage = Stage(engine)
    stage.enabled()
    stage.ask(demo.switch)
    stage.fail(TryAgain("The demo service did not answer."))
    before, failure, retry = stage.diagnosis(), stage.job, offered(stage)
    at_work = stage.customer()
    stage.ask(again)
    asked_again = stage.customer()
    driving.ask_to_cancel(engine, stage.job)

    diagnosis, customer = stage.diagnosis(), stage.customer()

    assert (retry.command, retry.target) == ("job.retry", failure)
    assert diagnosis.sentence.startswith("Switching creator failed")
    assert (diagnosis.remedy, diagnosis.others) == (before.remedy, before.others)
    assert (customer.job_id, customer.label, customer.kind) == (failure, Label.FAILED, "demo.switch")
    assert str(failure)[:13] in customer.sentence
    assert customer.sentence == at_work.sentence
    assert completion(asked_again, customer) == "Cancelled. Demo mode is still failed."


def test_dismiss_promises_no_deletion_of_what_is_not_there(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(GiveUp("The demo service sent an invalid response."), 1)
    stage.new_worker()
    assert offered(stage).effect == "Turns demo mode off, and deletes demo data that is left, if any."


def test_the_attempt_after_a_take_over_speaks_of_itself(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    stage.sql("UPDATE background_jobs SET started_at = now() - interval '29 seconds'")
    stage.sweep()
    driving.make_due(engine)
    driving.must_take(engine)
    diagnosis = stage.diagnosis()
    assert diagnosis.evidence[0] == "Attempt 2, counted as 1 of 3, at work for 0 s."
    assert "is running: attempt 2 goes on from " in diagnosis.sentence
    assert "no checkpoint yet" in diagnosis.sentence


def test_the_history_promises_no_other_worker(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    stage.sweep()
    error = driving.job_row(engine, stage.job).error_message
    assert error == "The worker that ran this job died or went silent."


def test_repair_and_start_again_says_that_it_starts_again(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    stage.sql("UPDATE background_jobs SET status = 'cancelled'")
    [again] = stage.diagnosis().others
    assert "Then requests the same again, as a new job." in again.effect


def test_the_row_that_was_edited_is_named(engine: Engine) -> None:
    stage = Stage(engine)
    stage.enabled()
    stage.sql("UPDATE users SET demo_mode_status = 'switching'")
    assert "This happens when someone edits the user's row in the database." in evidence(stage)
    other = Stage(engine)
    other.die_at_work()
    other.sql("UPDATE background_jobs SET status = 'cancelled' WHERE id = :id", id=other.job)
    assert "This happens when someone edits a job's row in the database." in evidence(other)


def test_a_question_has_the_name_of_its_button() -> None:
    asked = question_before("demo.switch", None, {"preset": "nano"}, label="Fill again", effect="Replaces them.")
    with ThreadPoolExecutor(1) as other:  # after tests with a browser, this thread has a loop
        question = other.submit(asyncio.run, asked).result()
    assert question is not None
    assert (question.title, question.yes) == ("Fill again?", "Fill again")


def test_a_creators_page_says_once_that_nothing_goes_on(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    assert not is_stopped(stage.customer())
    stage.sql("UPDATE background_jobs SET status = 'cancelled'")
    state = stage.customer()
    assert is_stopped(state)
    assert strip_words(state)[1] == state.sentence
    assert strip_words_beside_sentence(state)[1] == ""
