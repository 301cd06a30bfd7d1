"""A server that refuses one message is not away, and one that is away is told apart from how many have met it."""

import re
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.messages.listing import NOT_SET, why_waiting
from core.models import NotificationChannel
from tests import driving
from tests.messages.mail_server import MailServer, mail_server
from tests.messages.sending import let_time_pass, put_many, put_one, row, rows, send_all, stepping, use_server
from tests.messages.test_sending import way_out


def known_way(engine: Engine) -> NotificationChannel:
    way = way_out(engine)
    assert way is not None
    return way


@pytest.mark.parametrize(
    ("stage", "answer"), [("on_rcpt", "550 5.1.1 No such user"), ("on_data", "554 5.7.1 Looks like spam")]
)
def test_a_server_that_refuses_one_message_and_hangs_up_gets_the_others_at_once(
    engine: Engine, mail: MailServer, stage: str, answer: str
) -> None:
    setattr(mail, stage, answer)
    mail.hangs_up, mail.only_for = True, "bad"
    for name in ("bad1", "ana1", "bad2", "bad3", "ana2"):
        put_one(engine, f"{name}@example.com")
    assert send_all(engine) == {"sent": 2, "given_up": 0, "not_sent": 3}
    assert [(each.status, each.attempts) for each in rows(engine)] == [
        ("failed" if name == "bad" else "sent", 1) for name in ("bad", "ana", "bad", "bad", "ana")
    ]
    assert answer in rows(engine)[0].error
    way = known_way(engine)
    assert (way.refusal, way.refusals, way.next_at) == ("", 0, None)


def test_a_server_that_is_back_is_reached_although_it_refuses_what_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as gone:
        use_server(monkeypatch, gone.url)
    put_one(engine)
    send_all(engine)
    assert known_way(engine).refusals == 1
    with mail_server(port=gone.port) as back:
        back.on_rcpt = "550 5.1.1 No such user"
        let_time_pass(engine, "10 seconds")
        send_all(engine)
    way = known_way(engine)
    assert (row(engine).status, way.refusal, way.refused_at, way.next_at) == ("failed", "", None, None)
    assert way.accepted_at is None, "it has taken nothing yet"


def test_a_message_that_cannot_leave_says_why_and_one_that_leaves_does_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> str:
        with Session(engine) as session:
            return why_waiting(session, "email")

    assert said() == NOT_SET
    with mail_server() as gone:
        use_server(monkeypatch, gone.url)
    assert said() == "", "it is not known before it was tried"
    put_one(engine)
    assert said() == "It waits. No worker serves the queue messages."
    driving.new_worker(engine, ["messages"])
    assert said() == ""
    send_all(engine)
    assert re.match(r"It waits\. .*So since .*The next attempt is in ", said())


def test_senders_that_meet_one_refusal_at_the_same_moment_lengthen_the_pause_once(
    engine: Engine, mail: MailServer
) -> None:
    mail.on_mail = "451 4.3.0 Not now"
    put_many(engine, 3)
    with ExitStack() as held:
        senders = [held.enter_context(stepping(engine)) for _ in range(3)]
        for claim in senders:
            next(claim)
        for steps in senders:
            list(steps)
    assert sum(each.attempts for each in rows(engine)) == 3
    assert known_way(engine).refusals == 1
    let_time_pass(engine, "10 seconds")
    put_one(engine)
    send_all(engine)
    assert known_way(engine).refusals == 2, "a later one counts"


def test_a_refusal_that_concerns_all_keeps_no_address_however_it_is_written(engine: Engine, mail: MailServer) -> None:
    mail.on_rcpt = "421 4.7.0 Too many for <bob.canary@example.com>, not for BOB.CANARY@EXAMPLE.COM"
    put_one(engine, "Bob.Canary@Example.com")
    send_all(engine)
    assert "421 4.7.0 Too many for the address, not for the address" in known_way(engine).refusal
    assert "canary" not in f"{known_way(engine).refusal} {row(engine).error}".lower()
