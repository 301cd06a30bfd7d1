"""Telling the users whom an error has hit: each once, only those hit now, and nobody who wants none."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.errors import NotAllowed
from core.failures.one_group import failure_detail
from core.failures.telling import TellOutcome, Whom, addressees, written_for
from core.messages.preferences import PreferenceForm, set_preference
from core.models import DemoModeStatus, Event, JobStatus, Notification, NotificationStatus, Role, User
from tests.factories import SUPPORT, make_user
from tests.ui.test_failures_page import fails

ERROR = "busy"


@pytest.fixture
def hit(session: Session) -> dict[str, User]:
    """Return four users: one with a name, one who wants no such messages, one with an odd address, one recovered."""
    users = {
        each: make_user(session, name=each, demo_mode_status=DemoModeStatus.FAILED)
        for each in ("Ana", "Ben", "Cleo", "Dan")
    }
    for user in users.values():
        fails(session, user)
    session.flush()
    set_preference(session, users["Ben"].id, PreferenceForm(email_when_needed=False), SUPPORT, None)
    users["Cleo"].email = "no address"
    recover(session, users["Dan"])
    session.commit()
    return users


def recover(session: Session, user: User) -> None:
    user.demo_mode_status = DemoModeStatus.ENABLED
    done = fails(session, user, hours=0.5)
    done.status, done.error_fingerprint, done.error_type = JobStatus.SUCCEEDED, None, None
    session.flush()


def tells(engine: Engine, whom: str = "open", by: Actor = SUPPORT) -> dict[str, object]:
    args = {"fingerprint": ERROR, "whom": whom, "title": "About {name}", "text": "Hello {name},\nwe are on it."}
    answer = perform(engine, by, CommandRequest(name="failure.tell", args=args))
    return {each.value: answer[each.value] for each in TellOutcome if answer[each.value]}


def test_each_user_hit_gets_one_message_and_who_gets_none_is_counted(
    engine: Engine, session: Session, hit: dict[str, User]
) -> None:
    assert tells(engine) == {"told": 1, "unwanted": 1, "unreachable": 1}
    [message] = session.exec(select(Notification)).all()
    assert (message.user_id, message.template) == (hit["Ana"].id, "trouble")
    assert message.data == {"title": "About Ana", "text": "Hello Ana,\nwe are on it.", "by": "Somebody"}
    names = [(each.name, each.user_id) for each in session.exec(select(Event).where(Event.actor == SUPPORT.name))]
    assert ("message.told", hit["Ana"].id) in names
    assert [name for name, _ in names].count("failure.told") == 1


def test_pressing_twice_tells_nobody_twice_and_says_who_was_told(
    engine: Engine, session: Session, hit: dict[str, User]
) -> None:
    tells(engine)
    assert tells(engine) == {"already": 1, "unwanted": 1, "unreachable": 1}
    assert len(session.exec(select(Notification)).all()) == 1
    late = make_user(session, name="Eve", demo_mode_status=DemoModeStatus.FAILED)
    fails(session, late)
    session.commit()
    assert tells(engine)["told"] == 1, "who was hit since"
    [told] = [each for each in addressees(session, ERROR, 24, Whom.OPEN) if each.user_id == hit["Ana"].id]
    assert (told.outcome, told.told_at is not None) == (TellOutcome.ALREADY, True)


def test_the_error_says_how_many_were_told_by_whom_and_what_became_of_it(
    engine: Engine, session: Session, hit: dict[str, User]
) -> None:
    assert failure_detail(session, ERROR, 24).told is None
    maria = make_user(session, role=Role.SUPPORT, name="Maria")
    session.commit()
    tells(engine, "all", Actor(maria.id, maria.email, Role.SUPPORT, "console"))
    told = failure_detail(session, ERROR, 24).told
    assert told
    assert (told.users, told.by) == (2, "Maria")
    assert told.sentence == "2 users written to within a day: 2 waiting to be sent."
    assert [each.message for each in addressees(session, ERROR, 24, Whom.RECOVERED)] == [NotificationStatus.WAITING]
    first = session.exec(select(Notification)).first()
    first.created_at -= timedelta(days=1, minutes=1)
    session.flush()
    assert failure_detail(session, ERROR, 24).told.users == 1, "the other one was written to before that"
    for message in session.exec(select(Notification)):
        message.status = NotificationStatus.SENT
        message.dedupe_key = str(message.dedupe_key).replace(ERROR, "other") if "Ana" in str(message.data) else ERROR
    session.flush()
    assert failure_detail(session, ERROR, 24).told is None, "messages of another error"


def test_who_has_recovered_can_be_told_that_once(engine: Engine, session: Session, hit: dict[str, User]) -> None:
    assert tells(engine, "recovered") == {"told": 1}
    assert tells(engine, "recovered") == {"already": 1}
    tells(engine)
    recover(session, hit["Ana"])
    session.commit()
    assert tells(engine, "recovered") == {"told": 1, "already": 1}
    args = {"fingerprint": ERROR, "title": "a", "text": "b", "hours": 1}
    with pytest.raises(NotAllowed, match="No such user"):
        perform(engine, SUPPORT, CommandRequest(name="failure.tell", args=args))


def test_it_is_written_as_its_reader_gets_it_and_signed_by_name(
    engine: Engine, session: Session, hit: dict[str, User]
) -> None:
    writer = make_user(session, role=Role.SUPPORT, name="Maria")
    session.commit()
    ana = next(each for each in addressees(session, ERROR, 24, Whom.ALL) if each.name == "Ana")
    seen = written_for("About {name}", "Hello {name}", ana, "Maria")
    assert (seen.subject, "Hello Ana" in seen.text, "Maria of support" in seen.text) == ("About Ana", True, True)
    tells(engine, "all", Actor(writer.id, writer.email, Role.SUPPORT, "console"))
    assert {each.data["by"] for each in session.exec(select(Notification))} == {"Maria"}


def test_two_who_press_at_once_tell_each_user_once(engine: Engine, session: Session, hit: dict[str, User]) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: tells(engine), range(2)))
    assert sorted((answer.get("told", 0), answer.get("already", 0)) for answer in answers) == [(0, 1), (1, 0)]
    assert len(session.exec(select(Notification)).all()) == 1


def test_a_user_whose_retry_runs_or_who_failed_otherwise_has_not_recovered(
    engine: Engine, session: Session, hit: dict[str, User]
) -> None:
    again = fails(session, hit["Ana"], hours=0.5)
    again.status, again.error_fingerprint, again.finished_at = JobStatus.QUEUED, None, None
    fails(session, hit["Ben"], hours=0.5, error="another")
    session.commit()
    found = {each.name: (each.is_open, each.is_recovered) for each in addressees(session, ERROR, 24, Whom.ALL)}
    assert found == {"Ana": (False, False), "Ben": (False, False), "Cleo": (True, False), "Dan": (False, True)}
