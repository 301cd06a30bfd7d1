"""Workers are killed while they send: every message arrives, once or more with one Message-ID, and none is lost."""

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, func, select

from core.crash import EXIT_CODE
from core.database.engine import session_scope
from core.messages.outbox import Message, put
from core.models import Notification, NotificationStatus
from tests.factories import make_user
from tests.faults.cluster import Cluster, heal_and_check
from tests.messages.mail_server import MailServer, mail_server
from tests.messages.sending import READY, ids
from tests.waiting import eventually

MANY = 5_000


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def put_in(cluster: Cluster, number: int) -> None:
    with session_scope(cluster.engine) as session:
        user_id = make_user(session).id
        for one in range(number):
            address = f"a{one}@example.com"
            put(session, Message(template="demo_ready", user_id=user_id, address=address, data=READY))


def count(cluster: Cluster, status: NotificationStatus) -> int:
    with Session(cluster.engine) as session:
        matching = select(func.count()).select_from(Notification).where(col(Notification.status) == status)
        return session.exec(matching).one()


def all_sent(cluster: Cluster, number: int) -> bool:
    return count(cluster, NotificationStatus.SENT) == number


def test_a_kill_between_sending_and_commit_gives_two_sends_and_one_message_id(
    cluster: Cluster, mail: MailServer
) -> None:
    put_in(cluster, 3)
    doomed = cluster.fork_worker(threads=1, UNSTUCK_CRASH_AT="after_send:2", SMTP_URL=mail.url)
    assert doomed.wait(60) == EXIT_CODE
    assert (len(mail.received), count(cluster, NotificationStatus.SENT)) == (2, 1)
    cluster.start_worker(SMTP_URL=mail.url)
    eventually(lambda: all_sent(cluster, 3), within=60)
    assert sorted(Counter(ids(mail)).values()) == [1, 1, 2]
    heal_and_check(cluster)


def test_several_workers_that_are_killed_again_and_again_lose_nothing(cluster: Cluster, mail: MailServer) -> None:
    put_in(cluster, 300)
    for _ in range(3):
        before = len(mail.received)
        worker = cluster.start_worker(threads=2, SMTP_URL=mail.url)
        eventually(lambda before=before: len(mail.received) > before + 20, within=60)
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
    cluster.start_workers(2, SMTP_URL=mail.url)
    eventually(lambda: all_sent(cluster, 300), within=120)
    times = Counter(ids(mail))
    assert len(times) == 300
    assert sum(times.values()) <= 300 + 3, "each kill sends one message twice at most"
    heal_and_check(cluster)


def test_a_worker_that_freezes_while_it_sends_writes_nothing_when_it_wakes(cluster: Cluster, mail: MailServer) -> None:
    mail.hangs_at = "DATA"
    put_in(cluster, 1)
    frozen = cluster.start_worker(threads=1, SMTP_URL=mail.url)
    eventually(lambda: mail.asked, within=30)
    frozen.send_signal(signal.SIGSTOP)
    mail.hangs_at = ""
    with cluster.engine.begin() as connection:  # its claim is over
        connection.execute(text("UPDATE notifications SET next_at = now()"))
    cluster.start_worker(SMTP_URL=mail.url)
    eventually(lambda: all_sent(cluster, 1), within=60)
    frozen.send_signal(signal.SIGCONT)
    heal_and_check(cluster)
    assert (all_sent(cluster, 1), len(set(ids(mail)))) == (True, 1)


def test_five_thousand_messages_in_a_burst_leave_within_minutes(cluster: Cluster, mail: MailServer) -> None:
    put_in(cluster, MANY)
    began = time.monotonic()
    cluster.start_worker(SMTP_URL=mail.url)
    eventually(lambda: all_sent(cluster, MANY), within=300)
    took = time.monotonic() - began
    print(f"{MANY:,} messages in {took:.0f} s")  # noqa: T201 - the figure of docs/messages.md
    assert (len(mail.received), len(set(ids(mail)))) == (MANY, MANY)
    assert mail.connections <= 3
