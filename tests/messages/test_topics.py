"""A "no" is to one topic, from the moment it is said, and nobody outweighs it: not by a tick, and not by Resend."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.errors import NotAllowed
from core.messages.control import resend
from core.messages.outbox import Message, put
from core.messages.preferences import PreferenceForm, Preferences, preferences_of, set_preference, wants_warnings
from core.models import User
from tests.factories import SUPPORT, make_user
from tests.messages.mail_server import MailServer
from tests.messages.sending import row, send_all

#: A message of each topic.
READY = ("demo_ready", {"creator": "Nano Creator", "interactions": 60, "connections": 3, "took": 30.0})
NEEDS = ("connection_needs_you", {"platform": "Sandbox", "handle": "ana", "sentence": "Sandbox withdrew access."})


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


def write(engine: Engine, user: User, template: str, data: dict[str, object]) -> None:
    with session_scope(engine) as session:
        put(session, Message(template=template, user_id=user.id, data=data))


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
    with session_scope(engine) as session, pytest.raises(NotAllowed, match="wants no such messages"):
        resend(session, row(engine).id, SUPPORT, None)


def test_what_is_left_out_stays(engine: Engine, ana: User) -> None:
    assert chosen_by(engine, ana) == Preferences(email_when_done=False, email_when_needed=True)
    assert says(engine, ana, email_when_done=True)
    assert says(engine, ana, email_when_needed=False)
    assert chosen_by(engine, ana) == Preferences(email_when_done=True, email_when_needed=False)
    assert not says(engine, ana)
    assert says(engine, ana, email_when_needed=True)
    assert chosen_by(engine, ana) == Preferences(email_when_done=True, email_when_needed=True)
