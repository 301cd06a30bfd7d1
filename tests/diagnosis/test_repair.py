"""What a manual change broke is seen, and one press of Repair leaves nothing for the doctor."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.invariants import violations
from core.diagnosis.situation import Situation
from core.diagnosis.user import diagnose_user, explain_job
from core.errors import AlreadyActive, NotAllowed
from core.job_list.rows import detail
from core.jobs.request import JobOptions, request
from core.models import AttemptOutcome, User
from core.operations import demo
from core.people.users import user_page
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.repeats import mostly_slow


def change(engine: Engine, sql: str, **values: Any) -> None:
    """Change rows as a person with a database client does."""
    with session_scope(engine) as session:
        session.connection().execute(text(sql), values)


def diagnosis_of(engine: Engine, user: UUID) -> Diagnosis:
    with Session(engine) as session:
        return diagnose_user(session, session.get_one(User, user))


def press(engine: Engine, remedy: Remedy | None, actor: Actor = SUPPORT) -> dict[str, Any]:
    assert remedy is not None
    return perform(engine, actor, CommandRequest(name=remedy.command, target=remedy.target, args=remedy.args))


def broken(engine: Engine) -> dict[str, list[Any]]:
    with Session(engine) as session:
        return {violation.invariant.name: list(violation.rows) for violation in violations(session)}


def enabled_user(engine: Engine) -> UUID:
    with session_scope(engine) as session:
        user = make_user(session).id
    driving.ask(engine, demo.enable, user, {"preset": "nano"})
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    return user


def half_enabled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[UUID, UUID]:
    """Return a user and their job, whose worker died after the second checkpoint."""
    with session_scope(engine) as session:
        user = make_user(session).id
    job = driving.ask(engine, demo.enable, user, {"preset": "nano"})
    with monkeypatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=driving.die(patch))
        with pytest.raises(driving.Killed):
            driving.run_next(engine)
    return user, job


@pytest.mark.parametrize("noted", [True, False])
def test_deleted_interactions_are_counted_and_filled_again(engine: Engine, *, noted: bool) -> None:
    user = enabled_user(engine)
    if not noted:  # as in rows of the legacy product: the job tells it
        change(engine, "UPDATE users SET demo_preset = NULL")
    assert diagnosis_of(engine, user).situation is Situation.FINE
    total = len(driving.picture(engine, user)["interactions"])
    some = "DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE is_demo LIMIT 50)"
    change(engine, some)

    diagnosis = diagnosis_of(engine, user)

    assert diagnosis.situation is Situation.STUCK
    assert f"{total - 50:,} of {total:,} interactions are there" in diagnosis.sentence
    assert f"{total - 50:,} of {total:,}" in diagnosis.customer
    assert diagnosis.remedy is not None
    assert diagnosis.remedy.label == "Fill again"
    press(engine, diagnosis.remedy)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    after = driving.picture(engine, user)
    assert (after["preset"], len(after["interactions"])) == ("nano", total)
    assert broken(engine) == {}
    assert diagnosis_of(engine, user).situation is Situation.FINE


@pytest.mark.parametrize("status", mostly_slow(["cancelled", "failed", "succeeded"], fast=1))
def test_a_job_ended_by_hand_is_repaired_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    user, job = half_enabled(engine, monkeypatch)
    change(engine, "UPDATE background_jobs SET status = :status", status=status)
    assert broken(engine) != {}

    diagnosis = diagnosis_of(engine, user)
    assert (diagnosis.situation, diagnosis.remedy and diagnosis.remedy.command) == (Situation.STUCK, "user.repair")
    press(engine, diagnosis.remedy)

    assert broken(engine) == {}
    ended = driving.job_row(engine, job)
    assert ended.status == ("cancelled" if status == "cancelled" else "failed")
    assert ended.finished_at is not None
    after = driving.picture(engine, user)
    assert (after["state"], after["interactions"]) == ("disabled" if status == "cancelled" else "failed", [])
    diagnosis = diagnosis_of(engine, user)
    assert "no failed job explains why" not in diagnosis.sentence
    with Session(engine) as session:
        page = user_page(session, user)
    assert "user.repaired" in [event.name for event in page.events], "the story is kept"


def test_repair_and_start_again_is_one_press_and_keeps_the_preset(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, _ = half_enabled(engine, monkeypatch)
    change(engine, "UPDATE background_jobs SET status = 'cancelled'")
    [again] = diagnosis_of(engine, user).others
    assert again.label == "Repair and start again as Nano Creator"

    answer = press(engine, again)

    assert driving.job_row(engine, UUID(answer["job_id"])).args == {"preset": "nano"}
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert driving.picture(engine, user)["state"] == "enabled"
    assert broken(engine) == {}


def test_a_state_written_by_hand_goes_back_to_what_the_last_job_proves(engine: Engine) -> None:
    user = enabled_user(engine)
    for state in ("disabling", "disabled", "failed"):
        change(engine, "UPDATE users SET demo_mode_status = :state", state=state)
        diagnosis = diagnosis_of(engine, user)
        assert diagnosis.situation is not Situation.FINE
        assert state in diagnosis.sentence
        assert diagnosis.remedy is not None
        assert "sets demo mode to enabled" in diagnosis.remedy.effect.lower()
        assert press(engine, diagnosis.remedy) == {"was": state, "now": "enabled", "job_id": None}
        assert broken(engine) == {}
        assert diagnosis_of(engine, user).situation is Situation.FINE


def test_what_a_disabled_user_still_has_is_deleted(engine: Engine) -> None:
    user = enabled_user(engine)
    driving.ask(engine, demo.disable, user)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    left = "UPDATE interactions SET is_demo = true WHERE body = 'real 1'"
    change(engine, left)
    diagnosis = diagnosis_of(engine, user)
    assert "1 generated interaction" in diagnosis.sentence
    press(engine, diagnosis.remedy)
    assert broken(engine) == {}
    assert diagnosis_of(engine, user).situation is Situation.FINE
    assert driving.own_rows(engine, user)[0] == 2


def test_an_ending_is_never_written_twice(engine: Engine) -> None:
    user = enabled_user(engine)
    driving.ask(engine, demo.disable, user)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    change(engine, "UPDATE background_jobs SET status = 'failed' WHERE kind = 'demo.disable'")
    press(engine, diagnosis_of(engine, user).remedy)
    assert broken(engine) == {}
    assert diagnosis_of(engine, user).situation is Situation.FINE


@pytest.mark.parametrize("operation", mostly_slow([demo.disable, demo.switch], fast=1), ids=lambda each: each.name)
def test_a_job_that_was_cancelled_before_it_began_hides_no_damage(engine: Engine, operation: Any) -> None:
    user = enabled_user(engine)
    job = driving.ask(engine, operation, user, driving.smallest_form(operation))
    driving.ask_to_cancel(engine, job)
    assert "No problem" in diagnosis_of(engine, user).sentence
    change(engine, "DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE is_demo LIMIT 7)")
    diagnosis = diagnosis_of(engine, user)
    assert "53 of 60 interactions are there" in diagnosis.sentence
    assert [*broken(engine)] == ["done is complete"]
    press(engine, diagnosis.remedy)
    driving.run_next(engine)
    assert (diagnosis_of(engine, user).situation, broken(engine)) == (Situation.FINE, {})


def test_a_switch_that_was_stopped_can_be_asked_for_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    user = enabled_user(engine)
    job = driving.ask(engine, demo.switch, user, {"preset": "micro"})
    with monkeypatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=lambda: driving.ask_to_cancel(engine, job))
        assert driving.run_next(engine) is AttemptOutcome.CANCELLED
    [again] = diagnosis_of(engine, user).others
    assert again.label == "Start again as Micro Creator"
    press(engine, again)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    with Session(engine) as session:
        assert session.get_one(User, user).demo_preset == "micro"


@pytest.mark.parametrize("state", mostly_slow(["enabling", "disabled", "failed"], fast=1))
@pytest.mark.parametrize("is_lost", [False, True], ids=["waits", "lost its worker before it began"])
def test_a_state_written_by_hand_beside_a_plan_is_repaired_and_the_plan_stays(
    engine: Engine, state: str, is_lost: bool
) -> None:
    user = enabled_user(engine)
    with session_scope(engine) as session:
        later = JobOptions(run_at=clock.now() + timedelta(hours=34))
        plan = request(session, demo.disable, user, demo.disable.form(), SUPPORT, later).id
    change(engine, "UPDATE background_jobs SET created_at = created_at - interval '34 hours'")
    if is_lost:
        driving.make_due(engine)
        driving.must_take(engine)
        assert driving.presume_dead(engine) == 1
    change(engine, "UPDATE users SET demo_mode_status = :state", state=state)

    diagnosis = diagnosis_of(engine, user)
    assert f"Demo mode says {state}, but it was enabled" in diagnosis.sentence
    assert diagnosis.remedy is not None
    assert diagnosis.remedy.effect == "Sets demo mode to enabled, as it was; the planned job stays."
    assert diagnosis.others == ()
    assert press(engine, diagnosis.remedy) == {"was": state, "now": "enabled", "job_id": None}

    assert broken(engine) == {}
    assert driving.job_row(engine, plan).status == "queued"
    assert "says" not in diagnosis_of(engine, user).sentence
    with pytest.raises(NotAllowed):
        press(engine, diagnosis.remedy)
    driving.make_due(engine)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert driving.picture(engine, user)["state"] == "disabled"
    assert broken(engine) == {}


@pytest.mark.parametrize("is_running", [False, True])
def test_a_job_that_is_at_work_or_waits_to_be_still_stands_in_the_way_of_a_repair(
    engine: Engine, is_running: bool
) -> None:
    user = enabled_user(engine)
    job = driving.ask(engine, demo.disable, user)
    if is_running:
        driving.must_take(engine)
    change(engine, "UPDATE users SET demo_mode_status = 'enabled'")
    with pytest.raises(AlreadyActive) as refusal:
        press(engine, Remedy("user.repair", user, "Repair", ""))
    assert refusal.value.job_id == job


@pytest.mark.parametrize("status", mostly_slow(["cancelled", "failed", "succeeded"], fast=1))
def test_a_job_that_was_ended_by_hand_says_what_is_known_and_is_repaired(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    user, job = half_enabled(engine, monkeypatch)
    change(engine, "UPDATE background_jobs SET status = :status", status=status)
    with Session(engine) as session:
        diagnosis = explain_job(session, job)
        attempts = detail(session, job).attempts
    assert diagnosis.situation is Situation.STUCK
    assert diagnosis.sentence == (
        f"Enabling demo mode is {status}: it was changed directly in the database; when is not recorded."
    )
    assert "unknown" not in " ".join((diagnosis.sentence, diagnosis.customer, *diagnosis.evidence))
    assert [(each.attempt, each.finished_at) for each in attempts] == [(1, None)]
    assert "unknown" not in diagnosis_of(engine, user).evidence[0]

    press(engine, diagnosis.remedy)

    assert broken(engine) == {}
    with Session(engine) as session:
        assert explain_job(session, job).situation is not Situation.STUCK
        assert len(detail(session, job).attempts) == 1


def test_an_earlier_job_that_was_ended_by_hand_can_be_retried_but_not_repaired(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, job = half_enabled(engine, monkeypatch)
    change(engine, "UPDATE background_jobs SET status = 'cancelled'")
    change(engine, "UPDATE users SET demo_mode_status = 'disabled'")
    driving.ask(engine, demo.enable, user, {"preset": "nano"})
    with Session(engine) as session:
        diagnosis = explain_job(session, job)
    assert diagnosis.situation is Situation.FINE
    assert "changed directly in the database" in diagnosis.sentence
    assert diagnosis.remedy is not None
    assert diagnosis.remedy.command == "job.retry"


def test_a_status_that_contradicts_the_program_names_both(engine: Engine) -> None:
    user = enabled_user(engine)
    change(engine, "UPDATE background_jobs SET status = 'cancelled'")
    with Session(engine) as session:
        job = user_page(session, user).jobs[0]["id"]
        diagnosis = explain_job(session, UUID(job))
    assert diagnosis.sentence.endswith(
        "it was changed directly in the database; the program had ended it as succeeded."
    )
    press(engine, diagnosis.remedy)
    assert broken(engine) == {}
