"""What waits in the outbox reaches a real mail server: each message once or more, with one Message-ID, none is lost."""

import threading
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.messages import mail as mail_module
from core.messages import sending as sending_module
from core.messages.outbox import Message, put
from core.models import NotificationChannel
from core.settings import settings
from tests.factories import make_user
from tests.messages.mail_server import MailServer, mail_server
from tests.messages.sending import (
    READY,
    change,
    ids,
    let_time_pass,
    put_many,
    put_one,
    row,
    rows,
    send_all,
    stepping,
    use_server,
)


def way_out(engine: Engine) -> NotificationChannel | None:
    with Session(engine) as session:
        return session.get(NotificationChannel, "email")


def test_a_message_arrives_with_its_id_its_text_and_its_html(engine: Engine, mail: MailServer) -> None:
    put_one(engine, "ana@example.com")
    assert send_all(engine)["sent"] == 1
    message, sent = mail.received[0].message, row(engine)
    assert (mail.received[0].to, mail.received[0].message_id) == ("ana@example.com", sent.message_id)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "Interactions: 60" in message.get_body(("plain",)).get_content()
    assert "https://unstuck.example/dashboard" in message.get_body(("html",)).get_content()
    assert message["Subject"] == "Your demo mode is ready"
    assert (sent.status, sent.attempts, sent.sent_at is None, sent.next_at) == ("sent", 1, False, None)
    assert way_out(engine).accepted_at is not None


def test_many_messages_leave_by_one_connection(engine: Engine, mail: MailServer) -> None:
    put_many(engine, 20)
    assert send_all(engine)["sent"] == 20
    assert (len(set(ids(mail))), mail.connections) == (20, 1)


def test_nothing_is_sent_of_what_was_rolled_back(engine: Engine, mail: MailServer) -> None:
    with Session(engine) as session:
        user = make_user(session)
        put(session, Message(template="demo_ready", user_id=user.id, data=READY))
        session.rollback()
    assert send_all(engine)["sent"] == 0
    assert (rows(engine), mail.received) == ([], [])


def test_a_server_that_refuses_an_address_ends_that_message_only(engine: Engine, mail: MailServer) -> None:
    mail.on_rcpt, mail.only_for = "550 5.1.1 <{address}> is unknown here", "gone"
    put_one(engine, "gone@example.com")
    put_one(engine, "ana@example.com")
    assert send_all(engine) == {"sent": 1, "given_up": 0, "not_sent": 1}
    gone, ana = rows(engine)
    assert (gone.status, gone.attempts, ana.status) == ("failed", 1, "sent")
    assert gone.error == f"localhost:{mail.port} refused the address: 550 5.1.1 the address is unknown here."


def test_a_server_that_refuses_a_text_ends_that_message_only(engine: Engine, mail: MailServer) -> None:
    mail.on_data, mail.only_for = "554 5.7.1 Looks like spam", "odd"
    put_many(engine, 1, "odd{}@example.com")
    put_many(engine, 1)
    send_all(engine)
    assert [each.status for each in rows(engine)] == ["failed", "sent"]


def test_greylisting_is_a_wait_of_that_message(engine: Engine, mail: MailServer) -> None:
    mail.on_rcpt, mail.only_for = "451 4.7.1 Greylisted, try again in 300 s", "shy"
    put_one(engine, "shy@example.com")
    put_one(engine, "ana@example.com")
    send_all(engine)
    shy, ana = rows(engine)
    assert (shy.status, ana.status, mail.connections) == ("waiting", "sent", 1)
    assert "Greylisted" in shy.error
    mail.on_rcpt = None
    send_all(engine)
    assert rows(engine)[0].status == "waiting", "its pause is not over"
    let_time_pass(engine, "1 minute")
    send_all(engine)
    assert rows(engine)[0].status == "sent"
    assert mail.asked.count("shy@example.com") == 2


def test_pauses_grow_to_an_hour_and_end_after_two_days(engine: Engine, mail: MailServer) -> None:
    mail.on_rcpt = "451 4.3.0 Not now"
    put_one(engine)
    waits = []
    for _ in range(60):
        send_all(engine)
        if (now := row(engine)).status != "waiting":
            break
        with engine.connect() as connection:
            pause = connection.scalar(
                text("SELECT extract(epoch FROM next_at - statement_timestamp()) FROM notifications")
            )
        waits.append(round(pause / 60))
        let_time_pass(engine, f"{pause} seconds")
    assert waits[:7] == [1, 2, 5, 15, 60, 60, 60]
    assert (now.status, now.next_at, "Not now" in now.error) == ("failed", None, True)
    assert 47 * 60 <= sum(waits) <= 48 * 60


def test_a_server_that_is_away_leaves_all_waiting_and_is_said_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as gone:
        use_server(monkeypatch, gone.url)
    put_many(engine, 3)
    assert send_all(engine)["sent"] == 0
    assert [(each.status, each.attempts, each.error) for each in rows(engine)] == [("waiting", 0, "")] * 3
    said = way_out(engine)
    assert (said.refusals, said.refusal) == (1, f"localhost:{gone.port} cannot be reached: Connection refused.")
    send_all(engine)
    assert way_out(engine).refusals == 1, "its pause is not over"
    let_time_pass(engine, "10 seconds")
    send_all(engine)
    assert way_out(engine).refusals == 2
    with mail_server(port=gone.port) as back:
        let_time_pass(engine, "20 seconds")
        assert send_all(engine)["sent"] == 3
        assert len(set(ids(back))) == 3
    said = way_out(engine)
    assert (said.refusal, said.refused_at, said.refusals, said.accepted_at is None) == ("", None, 0, False)


def test_other_settings_are_tried_at_once(engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    put_one(engine)
    monkeypatch.delenv("SMTP_URL")
    settings.cache_clear()
    send_all(engine)
    assert (row(engine).status, way_out(engine).refusal) == ("waiting", mail_module.NO_WAY)
    use_server(monkeypatch, mail.url)
    assert send_all(engine)["sent"] == 1


def test_a_server_that_hangs_is_given_up_and_said_so(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_module, "LETTER_SECONDS", 0.5)
    mail.hangs_at = "MAIL"
    put_many(engine, 2)
    send_all(engine)
    first, second = rows(engine)
    assert (first.status, first.attempts, second.status, second.attempts) == ("waiting", 1, "waiting", 0)
    assert "stopped answering" in way_out(engine).refusal
    mail.hangs_at = ""
    let_time_pass(engine, "1 minute")
    assert send_all(engine)["sent"] == 2


def test_a_server_that_says_nothing_at_all_is_given_up(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_module, "CONNECTION_SECONDS", 0.5)
    mail.hangs_at = "EHLO"
    put_one(engine)
    send_all(engine)
    assert (row(engine).attempts, "did not answer" in way_out(engine).refusal) == (0, True)


def test_a_server_that_hangs_up_after_data_gets_the_message_again_with_the_same_id(
    engine: Engine, mail: MailServer
) -> None:
    mail.drops_after_data = True
    put_one(engine)
    send_all(engine)
    assert (row(engine).status, "may have it or not" in row(engine).error) == ("waiting", True)
    mail.drops_after_data = False
    let_time_pass(engine, "1 minute")
    send_all(engine)
    assert (len(mail.received), len(set(ids(mail))), row(engine).status) == (2, 1, "sent")


def test_a_server_that_takes_few_messages_per_connection_gets_several(engine: Engine, mail: MailServer) -> None:
    mail.most_per_connection = 3
    put_many(engine, 7)
    assert send_all(engine)["sent"] == 7
    assert (len(set(ids(mail))), mail.connections, {each.attempts for each in rows(engine)}) == (7, 3, {1})


def test_a_sender_that_is_refused_concerns_all(engine: Engine, mail: MailServer) -> None:
    mail.on_mail = "553 5.7.1 Not your address"
    put_many(engine, 3)
    send_all(engine)
    assert [each.attempts for each in rows(engine)] == [1, 0, 0]
    assert "UNSTUCK_MAIL_FROM" in way_out(engine).refusal


def test_two_senders_at_once_send_each_message_once(engine: Engine, mail: MailServer) -> None:
    put_many(engine, 60)
    threads = [threading.Thread(target=send_all, args=(engine,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(mail.received), len(set(ids(mail)))) == (60, 60)
    assert {each.status for each in rows(engine)} == {"sent"}


def test_a_job_that_dies_before_its_commit_sends_again_with_the_same_id(engine: Engine, mail: MailServer) -> None:
    put_one(engine)
    job = uuid4()
    with stepping(engine, job) as steps:
        next(steps)  # the claim is committed
        assert row(engine).sender_id == job
        next(steps._steps)  # sent, and not committed
        steps.close()
    assert (len(mail.received), row(engine).status) == (1, "waiting")
    assert send_all(engine)["sent"] == 0, "its claim is not over, and it is another's"
    assert send_all(engine, job)["sent"] == 1
    assert (len(mail.received), len(set(ids(mail)))) == (2, 1)


def test_a_claim_of_a_dead_sender_ends_by_itself(engine: Engine, mail: MailServer) -> None:
    put_one(engine)
    with stepping(engine) as steps:
        next(steps)
        steps.close()
    let_time_pass(engine, f"{sending_module.LEASE.total_seconds()} seconds")
    assert send_all(engine)["sent"] == 1


def test_who_lost_a_message_says_nothing_about_it(engine: Engine, mail: MailServer) -> None:
    put_one(engine)
    with stepping(engine) as steps:
        next(steps)
        let_time_pass(engine, "5 minutes")
        send_all(engine)
        change(engine, "UPDATE notifications SET error = 'as another says'")
        for _ in steps:
            pass
    assert (row(engine).status, row(engine).error, row(engine).attempts) == ("sent", "as another says", 2)


def test_a_message_that_cannot_be_written_keeps_no_others_waiting(engine: Engine, mail: MailServer) -> None:
    put_one(engine, data={"creator": "Nano"})
    put_one(engine, template="of_another_release")
    put_one(engine)
    send_all(engine)
    assert [each.status for each in rows(engine)] == ["waiting", "failed", "sent"]
    assert "could not be written" in rows(engine)[0].error


def test_an_address_that_is_none_or_would_be_several_is_refused(engine: Engine, mail: MailServer) -> None:
    for address in ("no address", "a@example.com, b@example.com", "a@example.com\r\nBcc: c@example.com", "@", "ä@", ""):
        put_one(engine, address=address or " ")
    send_all(engine)
    assert {each.status for each in rows(engine)} == {"failed"}
    assert mail.asked == []


def test_international_addresses_are_sent_as_they_are(engine: Engine, mail: MailServer) -> None:
    put_one(engine, "añá@exämple.com")
    assert send_all(engine)["sent"] == 1, row(engine).error
    assert mail.received[0].to == "añá@exämple.com"


def test_a_deleted_user_is_told_nothing(engine: Engine, mail: MailServer) -> None:
    put_one(engine)
    change(engine, "DELETE FROM interactions; DELETE FROM platform_connections; DELETE FROM users")
    send_all(engine)
    assert (row(engine).status, row(engine).error) == ("dropped", "The account was deleted.")


def test_a_message_with_the_same_key_within_a_day_is_the_same(engine: Engine) -> None:
    first = put_one(engine, dedupe_key="demo_failed:1")
    assert put_one(engine, dedupe_key="demo_failed:1") == first
    assert put_one(engine, dedupe_key="demo_failed:2") != first
    let_time_pass(engine, "25 hours")
    assert put_one(engine, dedupe_key="demo_failed:1") != first
    assert len(rows(engine)) == 3


def test_two_transactions_that_tell_the_same_write_one_message(engine: Engine) -> None:
    with session_scope(engine) as session:
        user_id = make_user(session).id
    message = Message(template="demo_ready", user_id=user_id, data=READY, dedupe_key="same")
    found = []
    with Session(engine) as one:
        first = put(one, message)
        other = threading.Thread(target=lambda: found.append(_put(engine, message)))
        other.start()
        one.commit()
        other.join(10)
    assert found == [first]


def _put(engine: Engine, message: Message) -> object:
    with session_scope(engine) as session:
        return put(session, message)


def test_an_endless_answer_ends(engine: Engine, mail: MailServer) -> None:
    mail.on_mail = "\r\n".join(["250-" + "x" * 400] * 400) + "\r\n250 OK"
    put_one(engine)
    send_all(engine)
    assert (row(engine).status, mail.received) == ("waiting", [])
