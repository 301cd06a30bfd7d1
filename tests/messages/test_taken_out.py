"""News that is over while it is being sent is not sent again, whatever becomes of this try."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import ENGINE
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.messages import sending
from core.messages.control import resend
from core.messages.email_channel import EMAIL
from core.messages.listing import find_message
from core.messages.outbox import take_out
from tests.messages.mail_server import MailServer
from tests.messages.sending import let_time_pass, put_one, row, send_all, stepping

OVER = "It works again."


def claimed_and_over(engine: Engine, *, dies: bool) -> None:
    """Let a sender claim the news, the news be over, and the sender go on or die."""
    put_one(engine, dedupe_key="news", is_kept=True)
    with stepping(engine) as steps:
        next(steps)
        with session_scope(engine) as session:
            take_out(session, "news", OVER)
        if dies:
            steps.close()
        else:
            list(steps)


def drained(engine: Engine) -> Iterator[object]:
    """Send what is due, as a sender that gives nothing up."""
    with Session(engine) as session:
        for outcome in sending.drain(session, sending.Line(EMAIL), uuid4()):
            session.commit()
            yield outcome


def test_it_is_not_tried_again(engine: Engine, mail: MailServer) -> None:
    mail.on_rcpt = "451 4.7.1 Greylisted"
    claimed_and_over(engine, dies=False)
    assert (row(engine).status, row(engine).error, row(engine).next_at) == ("dropped", OVER, None)
    mail.on_rcpt = None
    let_time_pass(engine, "1 hour")
    assert (send_all(engine)["sent"], len(mail.asked)) == (0, 1)


def test_what_the_server_took_has_left(engine: Engine, mail: MailServer) -> None:
    claimed_and_over(engine, dies=False)
    assert (row(engine).status, len(mail.received)) == ("sent", 1)


def test_nobody_sends_it_after_its_sender_died(engine: Engine, mail: MailServer) -> None:
    claimed_and_over(engine, dies=True)
    let_time_pass(engine, f"{sending.LEASE}")
    assert not any(drained(engine))
    assert (row(engine).status, mail.asked) == ("waiting", [])
    with session_scope(engine) as session:
        assert sending.give_up(session) == 1
    assert (row(engine).status, row(engine).error) == ("dropped", OVER)
    assert send_all(engine)["sent"] == 0


def test_nobody_sends_it_again_by_hand(engine: Engine) -> None:
    message_id = put_one(engine, dedupe_key="news", is_kept=True)
    with session_scope(engine) as session:
        take_out(session, "news", OVER)
        assert find_message(session, message_id)[0].no_resend == "What it tells is over."
        with pytest.raises(NotAllowed, match=OVER):
            resend(session, message_id, ENGINE, None)


def test_the_next_news_of_its_kind_is_told(engine: Engine, mail: MailServer) -> None:
    claimed_and_over(engine, dies=True)
    put_one(engine, dedupe_key="news", is_kept=True)
    assert send_all(engine)["sent"] == 1
