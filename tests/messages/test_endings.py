"""Who is told of a job's end: those who asked, in the transaction that ends it, and nobody of an attempt in between."""

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs import finish
from core.jobs import run as run_module
from core.jobs.failure import failure_of
from core.jobs.request import request_task
from core.jobs.retry import retry
from core.messages.email_channel import preview
from core.messages.outbox import due_channels
from core.messages.preferences import PreferenceForm, set_preference
from core.models import AttemptOutcome, BackgroundJob, Notification
from core.operations import BY_NAME, demo
from core.operations.messages import QUEUE, SendForm
from core.settings import settings
from tests import driving
from tests.conftest import SECRET
from tests.factories import SUPPORT, make_user
from tests.messages.mail_server import MailServer
from tests.messages.sending import change, row, rows, send_all

ASKED = {"preset": "nano", "email_when_ready": True}


def enabled(engine: Engine, **form: object) -> BackgroundJob:
    """Enable a user's demo mode and return the job."""
    with session_scope(engine) as session:
        user_id = make_user(session, email="ana@example.com").id
    job_id = driving.ask(engine, demo.enable, user_id, {"preset": "nano", **form})
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    return driving.job_row(engine, job_id)


def choose(engine: Engine, job: BackgroundJob, *, on: bool) -> None:
    with session_scope(engine) as session:
        set_preference(session, job.user_id, PreferenceForm(email_when_done=on), SUPPORT, None)


def give_up(engine: Engine) -> None:
    with session_scope(engine) as session:
        held = driving.must_take(engine)
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(RuntimeError("no more paper")))


def test_who_asked_in_the_moment_is_told_with_the_figures(engine: Engine) -> None:
    job = enabled(engine, email_when_ready=True)
    told = row(engine)
    assert (told.template, told.user_id, told.job_id, told.address) == ("demo_ready", job.user_id, job.id, "")
    assert told.data["interactions"] == 60
    assert "Interactions: 60" in preview(told).text


def test_who_did_not_ask_is_told_nothing(engine: Engine) -> None:
    job = enabled(engine)
    assert rows(engine) == []
    assert job.args == {"preset": "nano"}, "what nobody asked for is no argument"


def test_who_asked_once_for_all_is_told_only_of_what_took_a_while(engine: Engine) -> None:
    job = enabled(engine)
    choose(engine, job, on=True)
    driving.ask(engine, demo.disable, job.user_id)
    driving.run_next(engine)
    assert rows(engine) == []
    driving.ask(engine, demo.enable, job.user_id, {"preset": "nano"})
    change(engine, "UPDATE background_jobs SET run_at = run_at - interval '21 seconds' WHERE status = 'queued'")
    driving.run_next(engine)
    assert row(engine).template == "demo_ready"


def test_switching_off_is_told_with_counts(engine: Engine) -> None:
    job = enabled(engine)
    choose(engine, job, on=True)
    driving.ask(engine, demo.disable, job.user_id)
    change(engine, "UPDATE background_jobs SET run_at = run_at - interval '21 seconds' WHERE status = 'queued'")
    driving.run_next(engine)
    assert (row(engine).template, row(engine).data["interactions"]) == ("demo_off", 60)


def test_a_failure_is_told_in_the_customer_s_words(engine: Engine) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    driving.ask(engine, demo.enable, user_id, ASKED)
    give_up(engine)
    sentence = preview(row(engine)).text
    assert "Something went wrong on our side." in sentence
    assert "no more paper" not in sentence
    assert "RuntimeError" not in sentence


def test_an_attempt_that_is_tried_again_is_told_to_nobody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    driving.ask(engine, demo.enable, user_id, ASKED)
    driving.at_checkpoint(monkeypatch, 0, before=lambda: (_ for _ in ()).throw(RuntimeError("once")))
    assert driving.run_next(engine) is AttemptOutcome.ERROR
    assert rows(engine) == []


def test_a_storm_of_retries_that_fail_is_one_message(engine: Engine) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    job_id = driving.ask(engine, demo.enable, user_id, ASKED)
    give_up(engine)
    for _ in range(3):
        with session_scope(engine) as session:
            job_id = retry(session, job_id, SUPPORT, None).id
        give_up(engine)
    assert row(engine).template == "demo_failed"
    with session_scope(engine) as session:
        retry(session, job_id, SUPPORT, None)
    driving.run_next(engine)
    assert [each.template for each in rows(engine)] == ["demo_failed", "demo_ready"]


def test_who_cancels_is_told_nothing(engine: Engine) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    job_id = driving.ask(engine, demo.enable, user_id, ASKED)
    driving.ask_to_cancel(engine, job_id)
    assert rows(engine) == []


def test_an_end_that_is_rolled_back_is_told_to_nobody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    driving.ask(engine, demo.enable, user_id, ASKED)
    real = finish.succeed

    def succeed_and_lose(session: Session, *rest: object) -> None:
        real(session, *rest)
        assert session.query(Notification).count() == 1
        raise RuntimeError("lost")

    monkeypatch.setattr(finish, "succeed", succeed_and_lose)
    assert run_module.finish is finish
    assert driving.run_next(engine) is AttemptOutcome.ERROR
    assert rows(engine) == []


def test_who_unsubscribes_between_the_end_and_the_sending_gets_nothing(engine: Engine, mail: MailServer) -> None:
    job = enabled(engine, email_when_ready=True)
    choose(engine, job, on=False)
    send_all(engine)
    assert (row(engine).status, row(engine).error, mail.received) == (
        "dropped",
        "The user has unsubscribed since.",
        [],
    )


def test_who_asks_after_unsubscribing_is_told(engine: Engine, mail: MailServer) -> None:
    job = enabled(engine)
    choose(engine, job, on=False)
    again = driving.ask(engine, demo.switch, job.user_id, ASKED)
    with session_scope(engine) as session:  # by themselves
        session.get_one(BackgroundJob, again).requested_by = job.user_id
    driving.run_next(engine)
    assert send_all(engine)["sent"] == 1


def test_a_message_of_the_program_can_be_ended_by_one_click(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    enabled(engine, email_when_ready=True)
    send_all(engine)
    message = mail.received[0].message
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].startswith("<https://unstuck.example/unsubscribe?user=")
    assert b"\r\nList-Unsubscribe: <https://unstuck.example/unsubscribe?user=" in mail.received[0].content
    assert message["Auto-Submitted"] == "auto-generated"
    for part in ("plain", "html"):
        assert "/unsubscribe?user=" in message.get_body((part,)).get_content()


def test_without_a_public_address_a_message_says_where_to_look(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNSTUCK_PUBLIC_URL")
    settings.cache_clear()
    enabled(engine, email_when_ready=True)
    send_all(engine)
    message = mail.received[0].message
    text_part = message.get_body(("plain",)).get_content()
    assert message["List-Unsubscribe"] is None
    assert "://" not in text_part
    assert "Sign in and open your dashboard" in text_part


def test_a_job_that_sends_is_wanted_only_when_a_message_is_due(engine: Engine) -> None:
    def due(way: str = "localhost:25") -> bool:
        with Session(engine) as session:
            return due_channels(session, {"email": way}, QUEUE) == ["email"]

    assert not due()
    enabled(engine, email_when_ready=True)
    assert due()
    change(
        engine, "INSERT INTO notification_channels (channel, way, next_at) VALUES ('email', 'localhost:25', 'infinity')"
    )
    assert (due(), due("another:25")) == (False, True)
    with session_scope(engine) as session:
        request_task(session, BY_NAME["messages.send"], SendForm(channel="email"), ENGINE)
    assert not due("another:25")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM background_jobs WHERE kind = 'messages.send'")) == 1


def test_the_wait_is_counted_from_the_planned_time(engine: Engine) -> None:
    job = enabled(engine)
    choose(engine, job, on=True)
    driving.ask(engine, demo.disable, job.user_id)
    change(engine, "UPDATE background_jobs SET created_at = created_at - interval '1 hour' WHERE status = 'queued'")
    driving.run_next(engine)
    assert rows(engine) == []


def test_what_support_ticks_does_not_outweigh_that_the_user_said_no(engine: Engine, mail: MailServer) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
        for is_on in (True, False):
            set_preference(session, user_id, PreferenceForm(email_when_done=is_on), SUPPORT, None)
    driving.ask(engine, demo.enable, user_id, {"preset": "nano", "email_when_ready": True})
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    send_all(engine)
    assert mail.received == []
