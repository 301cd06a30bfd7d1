"""Webhooks: events of alerts and jobs, signed, each at least once, with retries and a log of deliveries."""

import socket
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from standardwebhooks import Webhook, WebhookVerificationError

from core import clock
from core.database.engine import session_scope
from core.errors import Unusable
from core.messages.channels import preview
from core.messages.listing import OutboxFilter, find_messages
from core.models import JobStatus, Notification, NotificationStatus
from core.settings import settings
from tests.alerts.looking import tell
from tests.alerts.receiver import SECRET, Receiver, receiver, set_ways
from tests.alerts.test_each_rule import add_job
from tests.alerts.test_watching import Trouble, minute


@pytest.fixture
def told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    with receiver() as made:
        use(monkeypatch, made.url)
        tell(engine)
        yield made


def use(monkeypatch: pytest.MonkeyPatch, urls: str, **more: str) -> None:
    set_ways(monkeypatch, webhooks=urls, webhook_secret=SECRET, public_url="https://unstuck.example", **more)


def fail_job(engine: Engine, status: JobStatus = JobStatus.FAILED) -> str:
    with session_scope(engine) as session:
        made = add_job(session, status=status, finished_at=clock.now(), error_type="GiveUp", error_message="No.\nmore")
        return str(made.id)


def due_again(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE notifications SET next_at = now() WHERE next_at IS NOT NULL"))
        session.connection().execute(text("UPDATE notification_channels SET next_at = NULL"))


def statuses(engine: Engine) -> list[NotificationStatus]:
    with Session(engine) as session:
        return list(session.exec(select(Notification.status).order_by(col(Notification.created_at))))


def test_a_failed_job_is_told_once_and_the_library_verifies_its_signature(engine: Engine, told: Receiver) -> None:
    job_id = fail_job(engine)
    fail_job(engine, JobStatus.SUCCEEDED)
    for _ in range(3):
        tell(engine)
    [event] = told.said
    assert Webhook(SECRET).verify(told.bodies[0], told.headers[0]) == event
    assert event["type"] == "job.failed"
    assert event["data"]["id"] == job_id
    assert event["data"]["error"] == {"type": "GiveUp", "message": "No.", "fingerprint": None}
    assert event["data"]["url"] == f"https://unstuck.example/jobs/{job_id}"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(told.bodies[0].replace("GiveUp", "Other"), told.headers[0])


def test_all_events_that_are_wanted_are_told(engine: Engine, monkeypatch: pytest.MonkeyPatch, told: Receiver) -> None:
    use(monkeypatch, told.url, webhook_events="job.succeeded job.cancelled alert.raised")
    for status in (JobStatus.SUCCEEDED, JobStatus.CANCELLED, JobStatus.FAILED):
        fail_job(engine, status)
    minute(engine, Trouble(), is_there=True)
    assert sorted(each["type"] for each in told.said) == ["alert.raised", "job.cancelled", "job.succeeded"]


def test_an_alert_and_its_end_are_told(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    for is_there in (True, False, False, False):
        minute(engine, trouble, is_there=is_there, minutes=3)
    assert [each["type"] for each in told.said] == ["alert.raised", "alert.over"]
    assert told.said[0]["data"]["id"] == told.said[1]["data"]["id"]


def test_what_is_not_wanted_is_not_told(engine: Engine, monkeypatch: pytest.MonkeyPatch, told: Receiver) -> None:
    use(monkeypatch, told.url, webhook_events="alert.over")
    trouble = Trouble()
    fail_job(engine)
    for is_there in (True, False, False, False):
        minute(engine, trouble, is_there=is_there, minutes=3)
    assert [each["type"] for each in told.said] == ["alert.over"]


def test_what_was_told_is_not_told_again_when_all_were_away_for_a_day(engine: Engine, told: Receiver) -> None:
    fail_job(engine)
    tell(engine)
    with session_scope(engine) as session:
        for table, moment in (
            ("notifications", "created_at"),
            ("background_jobs", "finished_at"),
            ("shared_rounds", "looked_until"),
            ("shared_rounds", "seen_at"),
        ):
            session.connection().execute(text(f"UPDATE {table} SET {moment} = {moment} - interval '25 h'"))
    tell(engine)
    assert len(told.bodies) == 1


def test_a_receiver_that_fails_gets_the_event_again_with_its_id(engine: Engine, told: Receiver) -> None:
    told.answers = [500, 302, 429, 200]
    fail_job(engine)
    for attempt in range(1, 6):
        tell(engine)
        due_again(engine)
        assert len(told.said) == min(attempt, 4)
        if attempt == 2:
            with Session(engine) as session:
                assert "redirects to another address (302)" in session.exec(select(Notification)).one().error
    assert len({headers["webhook-id"] for headers in told.headers}) == 1
    assert statuses(engine) == [NotificationStatus.SENT]


def test_a_receiver_that_is_gone_is_asked_no_more(engine: Engine, told: Receiver) -> None:
    told.answers = [410]
    fail_job(engine)
    for _ in range(2):
        tell(engine)
        due_again(engine)
    assert statuses(engine) == [NotificationStatus.FAILED]
    assert len(told.said) == 1


def test_a_receiver_that_is_away_keeps_no_other_waiting(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, told: Receiver
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    use(monkeypatch, f"http://127.0.0.1:{port}/secret-7f3a {told.url}")
    tell(engine)
    for _ in range(3):
        fail_job(engine)
    tell(engine)
    assert len(told.said) == 3
    with Session(engine) as session:
        lines = find_messages(session, OutboxFilter(NotificationStatus.WAITING, channel="webhook")).lines
    assert {line.address.partition(" (")[0] for line in lines} == {f"127.0.0.1:{port}"}
    assert all("could not be reached" in line.why for line in lines)
    assert not any("next attempt" in line.why for line in lines), "they wait for the way, which says when it is tried"
    assert {line.about for line in lines} == {"job.failed: demo.enable"}
    assert sorted(line.attempts for line in lines) == [0, 0, 1], "it concerns all, so one attempt is enough"


def test_what_is_rolled_back_is_not_told(engine: Engine, told: Receiver) -> None:
    with Session(engine) as session:
        add_job(session, status=JobStatus.FAILED, finished_at=clock.now())
        session.rollback()
    tell(engine)
    assert told.said == []


def test_what_is_committed_long_after_it_was_written_is_told(engine: Engine, told: Receiver) -> None:
    with Session(engine) as late:
        add_job(late, status=JobStatus.FAILED, finished_at=clock.now())
        tell(engine)
        late.connection().execute(text("UPDATE background_jobs SET finished_at = finished_at - interval '30 s'"))
        with session_scope(engine) as session:
            for moment in ("looked_until", "seen_at"):
                session.connection().execute(text(f"UPDATE shared_rounds SET {moment} = {moment} - interval '30 s'"))
        for _ in range(2):
            tell(engine)
        assert told.said == []
        late.commit()
    tell(engine)
    assert len(told.said) == 1


def test_what_ended_while_nobody_looked_is_told_afterwards(engine: Engine, told: Receiver) -> None:
    with session_scope(engine) as session:
        session.connection().execute(
            text("UPDATE shared_rounds SET looked_until = now() - interval '3 h', seen_at = now() - interval '3 h'")
        )
        for minutes in (170, 90, 1):
            at = clock.now() - timedelta(minutes=minutes)
            add_job(session, status=JobStatus.FAILED, created_at=at, finished_at=at)
        at = clock.now() - timedelta(hours=4)
        add_job(session, status=JobStatus.FAILED, created_at=at, finished_at=at)
    tell(engine)
    tell(engine)
    assert len(told.said) == 3


def test_nothing_shows_a_receivers_path_or_the_secret(
    engine: Engine, told: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    told.answers = [500]
    fail_job(engine)
    tell(engine)
    with Session(engine) as session:
        [row] = session.exec(select(Notification))
        shown = f"{row.model_dump()} {find_messages(session, OutboxFilter()).lines} {preview(row)} {caplog.text}"
    assert "hook-4c1f" not in shown
    assert SECRET[6:14] not in shown


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("webhooks", "http://hooks.example.com/x", "https"),
        ("webhooks", "https://user:pw@hooks.example.com/x", "https"),
        ("webhooks", "ftp://hooks.example.com", "https"),
        ("webhooks", "https://a..b/x", "https"),
        ("webhooks", "https://a.example/x,https://b.example/x", "https"),
        ("webhooks", "https://host.example/\u202ex", "https"),
        ("alerts", "nonsense", "apprise"),
        ("alert_wait_minutes", "inf", "finite"),
        ("webhook_secret", "whsec_c2hvcnQ=", "openssl rand"),
        ("webhook_secret", "whsec_###", "openssl rand"),
        ("webhook_events", "job.exploded", "alert.raised"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_ways(monkeypatch, **{name: value})
    with pytest.raises(Unusable) as refused:
        settings()
    assert says in str(refused.value)
    assert f"UNSTUCK_{name.upper()}" in str(refused.value)
    assert "value error" not in str(refused.value).lower()


def test_webhooks_without_a_secret_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_ways(monkeypatch, webhooks="https://hooks.example.com/x")
    with pytest.raises(Unusable, match="UNSTUCK_WEBHOOK_SECRET"):
        settings()
