"""A "no" is to one topic, from the moment it is said, and nobody outweighs it: not by a tick, and not by Resend."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.errors import NotAllowed
from core.messages.control import resend
from core.messages.listing import find_message
from core.messages.outbox import Message, put
from core.messages.preferences import PreferenceForm, Preferences, preferences_of, set_preference, wants_warnings
from core.models import AttemptOutcome, BackgroundJob, User
from core.operations import demo
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.messages.mail_server import MailServer
from tests.messages.sending import change, row, rows, send_all
from tests.waiting import until_blocked

#: A message of each topic.
READY = ("demo_ready", {"creator": "Nano Creator", "interactions": 60, "connections": 3, "took": 30.0})
NEEDS = (
    "connection_needs_you",
    {"platform": "Sandbox", "handle": "ana", "sentence": "Access was withdrawn at Sandbox."},
)


@pytest.fixture
def ana(engine: Engine) -> User:
    with session_scope(engine) as session:
        return make_user(session, email="ana@example.com")


def says(engine: Engine, user: User, **chosen: bool) -> bool:
    with session_scope(engine) as session:
        return set_preference(session, user.id, PreferenceForm(**chosen), SUPPORT, None)


def chosen_by(engine: Engine, user: User) -> Preferences:
    with Session(engine) as session:
        assert preferences_of(session, user.id).email_when_needed is wants_warnings(session, user.id)
        return preferences_of(session, user.id)


def write(engine: Engine, user: User, template: str, data: dict[str, object], **more: object) -> None:
    with session_scope(engine) as session:
        put(session, Message(template=template, user_id=user.id, data=data, **more))


def is_saying_no(session: Session, user: User) -> None:
    """Let a person say no to all, in a transaction that is not committed yet."""
    no = PreferenceForm(email_when_done=False, email_when_needed=False)
    set_preference(session, user.id, no, SUPPORT, None)


@pytest.mark.parametrize(
    ("message", "no", "sent"),
    [
        (READY, "email_when_done", 0),
        (READY, "email_when_needed", 1),
        (NEEDS, "email_when_done", 1),
        (NEEDS, "email_when_needed", 0),
    ],
)
def test_a_no_stops_what_waits_of_its_topic_alone(
    engine: Engine, ana: User, mail: MailServer, message: tuple[str, dict[str, object]], no: str, sent: int
) -> None:
    write(engine, ana, *message)
    says(engine, ana, **{no: False})
    send_all(engine)
    assert len(mail.received) == sent
    assert row(engine).error == ("" if sent else "The user has unsubscribed since.")


def test_a_second_no_stops_what_was_asked_for_after_the_first(engine: Engine, ana: User, mail: MailServer) -> None:
    assert says(engine, ana, email_when_done=False)
    write(engine, ana, *READY)
    assert not says(engine, ana, email_when_done=False), "nothing new for the audit log"
    send_all(engine)
    assert mail.received == []


@pytest.mark.parametrize("first", ["sent", "dropped"])
def test_what_a_reader_wants_no_more_is_not_sent_again(engine: Engine, ana: User, mail: MailServer, first: str) -> None:
    write(engine, ana, *READY)
    if first == "dropped":
        says(engine, ana, email_when_done=False)
    send_all(engine)
    says(engine, ana, email_when_done=False)
    assert row(engine).status == first
    with session_scope(engine) as session:
        assert "wants no such messages" in find_message(session, row(engine).id)[0].no_resend, "no button is offered"
        with pytest.raises(NotAllowed, match="wants no such messages"):
            resend(session, row(engine).id, SUPPORT, None)


def test_what_is_left_out_stays(engine: Engine, ana: User) -> None:
    assert chosen_by(engine, ana) == Preferences(email_when_done=False, email_when_needed=True)
    assert says(engine, ana, email_when_done=True)
    assert says(engine, ana, email_when_needed=False)
    assert chosen_by(engine, ana) == Preferences(email_when_done=True, email_when_needed=False)
    assert not says(engine, ana)
    assert says(engine, ana, email_when_needed=True)
    assert chosen_by(engine, ana) == Preferences(email_when_done=True, email_when_needed=True)


@pytest.mark.parametrize("before", ["nothing", "a yes of this release"])
def test_the_one_no_of_an_earlier_release_is_to_warnings_too(
    engine: Engine, ana: User, mail: MailServer, before: str
) -> None:
    if before != "nothing":
        says(engine, ana, email_when_done=True, email_when_needed=True)
    write(engine, ana, *NEEDS)
    change(
        engine,
        "INSERT INTO message_preferences (user_id, email_when_done, unsubscribed_at, updated_at) "
        f"VALUES ('{ana.id}', false, statement_timestamp(), statement_timestamp()) ON CONFLICT (user_id) DO UPDATE "
        "SET email_when_done = false, unsubscribed_at = excluded.unsubscribed_at, updated_at = excluded.updated_at",
    )
    assert chosen_by(engine, ana) == Preferences(email_when_done=False, email_when_needed=False)
    send_all(engine)
    assert mail.received == []
    assert says(engine, ana, email_when_needed=True)
    assert chosen_by(engine, ana) == Preferences(email_when_done=False, email_when_needed=True)


@pytest.mark.parametrize(("message", "no"), [(READY, "email_when_done"), (NEEDS, "email_when_needed")])
def test_a_no_counts_although_the_clock_was_put_back_before_it(
    engine: Engine, ana: User, mail: MailServer, message: tuple[str, dict[str, object]], no: str
) -> None:
    write(engine, ana, *message)
    change(engine, "UPDATE notifications SET created_at = created_at + interval '10 minutes'")
    says(engine, ana, **{no: False})
    send_all(engine)
    assert (mail.received, row(engine).status) == ([], "dropped")


def test_a_warning_that_was_written_after_the_no_is_not_sent(engine: Engine, ana: User, mail: MailServer) -> None:
    says(engine, ana, email_when_needed=False)
    write(engine, ana, *NEEDS)  # by a job that had asked before
    send_all(engine)
    assert (mail.received, row(engine).status) == ([], "dropped")


def test_a_warning_that_a_no_has_dropped_is_told_anew_after_a_yes(engine: Engine, ana: User, mail: MailServer) -> None:
    key = {"dedupe_key": "connection_needs_you:1", "is_kept": True}
    write(engine, ana, *NEEDS, **key)
    says(engine, ana, email_when_needed=False)
    send_all(engine)
    says(engine, ana, email_when_needed=True)
    write(engine, ana, *NEEDS, **key)
    send_all(engine)
    assert [each.status for each in rows(engine)] == ["dropped", "sent"]


@pytest.mark.parametrize("message", [READY, NEEDS], ids=["done", "needed"])
def test_resend_waits_for_a_no_that_is_being_said(
    engine: Engine, ana: User, mail: MailServer, message: tuple[str, dict[str, object]]
) -> None:
    write(engine, ana, *message)
    send_all(engine)

    def press() -> None:
        with session_scope(engine) as session:
            resend(session, row(engine).id, SUPPORT, None)

    with ThreadPoolExecutor() as pool:
        with Session(engine) as saying:
            is_saying_no(saying, ana)
            pressed = pool.submit(press)
            until_blocked(engine, pressed)
            saying.commit()
        with pytest.raises(NotAllowed, match="wants no such messages"):
            pressed.result(10)


def test_the_end_of_a_job_waits_for_a_no_that_is_being_said(
    engine: Engine, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = driving.ask(engine, demo.enable, ana.id, {"preset": "nano", "email_when_ready": True})
    with session_scope(engine) as session:  # by themselves
        session.get_one(BackgroundJob, job_id).requested_by = ana.id
    with ThreadPoolExecutor() as pool, Session(engine) as saying:
        driving.at_checkpoint(monkeypatch, 0, after=lambda: is_saying_no(saying, ana))
        ended = pool.submit(driving.run_next, engine)
        until_blocked(engine, ended)
        assert not ended.done()
        saying.commit()
        assert ended.result(10) is AttemptOutcome.SUCCEEDED
    assert rows(engine) == []
