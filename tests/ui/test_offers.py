"""What the console offers besides a diagnosis is what the diagnosis recommends."""

from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from core.actor import Actor
from core.diagnosis.user import context_of
from core.errors import GiveUp, TryAgain
from core.job_list.rows import Row, rows_by_id
from core.jobs.retry import retry
from core.models import Event, User
from tests import driving
from tests.factories import SUPPORT
from tests.journeys.stuck.stage import Stage
from tests.loops import in_a_loop
from ui import access
from ui.components.base import palette_people
from ui.components.base.confirm import Question
from ui.components.base.timeline import sentence_of
from ui.components.demo.demo_panel import shown_of_job
from ui.components.jobs import job_actions
from ui.components.jobs.job_lines import _latest, _progress


@pytest.fixture
def reader(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setattr(access, "_engines", [engine])
    monkeypatch.setattr(access, "me", lambda: SUPPORT)
    return SUPPORT


def failed(engine: Engine, error: Exception, attempts: int) -> UUID:
    stage = Stage(engine)
    stage.ask()
    stage.fail(error, attempts)
    return stage.user


@pytest.mark.usefixtures("reader")
def test_the_palette_offers_retry_only_where_it_is_the_remedy(engine: Engine) -> None:
    users = failed(engine, TryAgain("no answer"), 3), failed(engine, GiveUp("The preset is unknown."), 1)
    offered = []
    for user_id in users:
        with Session(engine) as session:
            email = session.get_one(User, user_id).email
        offered.append([each.label for each in in_a_loop(palette_people.people_entries(f"retry {email}"))])
    assert [len(each) for each in offered] == [1, 0]
    assert offered[0][0].startswith("Retry failed of ")


def test_the_panel_of_demo_mode_is_drawn_anew_after_each_attempt(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    shown = []
    for _ in range(2):
        stage.fail(TryAgain("no answer"), 1)
        with Session(engine) as session:
            context = context_of(session, session.get_one(User, stage.user))
            assert context is not None
            shown.append(shown_of_job(context))
    assert shown[0] != shown[1], "attempt 2 of 3 has followed attempt 1 of 3 under the same label"


def handled(engine: Engine) -> Stage:
    """Return a stage whose job failed before demo mode was enabled after all."""
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain("no answer"), 3)
    failure = stage.job
    stage.sql("UPDATE users SET demo_mode_status = 'disabled' WHERE id = :id", id=stage.user)
    stage.enabled()
    stage.job = failure
    return stage


def rows_of(engine: Engine, *stages: Stage) -> list[Row]:
    with Session(engine) as session:
        return rows_by_id(session, [each.job for each in stages])


@pytest.fixture
def questions(reader: Actor, monkeypatch: pytest.MonkeyPatch) -> list[Question | str]:
    asked: list[Question | str] = []

    async def note(question: Question) -> None:
        asked.append(question)

    monkeypatch.setattr(job_actions, "confirm", note)
    monkeypatch.setattr(job_actions, "refuse", asked.append)
    return asked


async def nothing() -> None: ...


def test_a_failure_that_is_dealt_with_is_not_offered_retry(engine: Engine, questions: list[Question | str]) -> None:
    rows = rows_of(engine, handled(engine))
    assert job_actions.why_not("job.retry", rows) == "It is handled: other work has come after it."
    in_a_loop(job_actions.run_command("job.retry", rows, nothing))
    assert questions == ["It is handled: other work has come after it."]


def test_a_retry_of_several_says_before_how_many_of_them_can_be_retried(
    engine: Engine, questions: list[Question | str]
) -> None:
    cancelled, failure = Stage(engine), Stage(engine)
    cancelled.ask()
    driving.ask_to_cancel(engine, cancelled.job)
    first = cancelled.job
    cancelled.enabled()
    cancelled.job = first
    failure.ask()
    failure.fail(TryAgain("no answer"), 3)
    rows = rows_of(engine, cancelled, failure, handled(engine))
    in_a_loop(job_actions.run_command("job.retry", rows, nothing))
    [question] = questions
    assert isinstance(question, Question)
    assert question.title == "Retry 1 job?"
    skipped = "Skipped: 1 cancelled, 1 failed, handled. This user has a newer job (job "
    assert any(each.startswith(skipped) for each in question.consequences)
    questions.clear()
    in_a_loop(job_actions.run_command("job.retry", rows[:1], nothing))
    assert questions == ["Not retried: Enable demo mode cannot start from enabled; it starts from disabled or failed."]


def test_the_history_calls_a_retry_a_retry(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain("no answer"), 3)
    with Session(engine) as session:
        retry(session, stage.job, SUPPORT)
        session.commit()
        requests = session.exec(select(Event).where(Event.name == "job.requested").order_by(Event.id)).all()
        assert [sentence_of(each) for each in requests] == [
            "Requested: Enable demo mode",
            "Retry requested: Enable demo mode",
        ]


def test_a_line_of_a_job_that_ended_early_counts_nothing_that_was_undone() -> None:
    row = {"status": "cancelled", "progress_message": "600 of 2,000 interactions deleted"}
    assert _progress(row) == ""
    assert _progress({**row, "status": "succeeded"}) == row["progress_message"]


def test_a_line_of_a_running_job_shows_its_progress_and_not_the_error_of_an_earlier_attempt() -> None:
    row = {"status": "running", "progress_message": "600 of 2,000", "error": "The worker that ran this job died."}
    assert _latest(row) == row["progress_message"]
    assert _latest({**row, "status": "queued"}) == row["error"]
