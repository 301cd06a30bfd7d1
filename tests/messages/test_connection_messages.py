"""Who is told that a connection needs them: its creator, once, and nobody else."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from core.actor import ENGINE, Actor
from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.jobs.request import request
from core.messages.email_channel import preview
from core.messages.preferences import PreferenceForm, set_preference
from core.models import AttemptOutcome, BackgroundJob, JobStatus, Notification, PlatformConnection, Role
from core.operation import JobEnd, NoForm
from core.operations.connection import refresh
from core.operations.connection_messages import tell_if_needed
from tests import driving
from tests.factories import SUPPORT
from tests.messages.sending import change, row, rows, send_all
from tests.oauth.conftest import creator, provider, sandbox
from tests.oauth.people import Creator
from tests.oauth.proving import Proof

__all__ = ["creator", "provider", "sandbox"]

NEEDS = "connection_needs_you"
MINUTE_AGO = (
    "UPDATE background_jobs SET created_at = created_at - interval '1 minute', run_at = run_at - interval '1 minute' "
    "WHERE status = 'queued'"
)


@pytest.fixture
def proof(creator: Creator) -> Iterator[Proof]:
    proof = Proof(creator)
    yield proof
    with Session(proof.engine) as session:
        assert list(violations(session)) == []


def asks(proof: Proof, connection_id: UUID, actor: Actor = ENGINE) -> None:
    with session_scope(proof.engine) as session:
        request(session, refresh, connection_id, NoForm(), actor)


def of_creator(proof: Proof) -> Actor:
    return Actor(proof.creator.id, "ana", Role.MEMBER, "console")


def test_withdrawn_access_is_told_to_its_creator(proof: Proof) -> None:
    connection_id = proof.failed(withdrawn=True)
    told = row(proof.engine)
    assert (told.template, told.user_id, told.address) == (NEEDS, proof.creator.id, "")
    written, handle = preview(told), proof.creator.connection(connection_id).handle
    assert written.subject == f"Connect Sandbox again: {handle}"
    for part in (written.text, written.html):
        assert "Access was withdrawn at Sandbox; we learned it on" in part
        assert "Press Connect again on the page Connections." in part
        assert "http://127.0.0.1:8080/settings/connections" in part
        assert "You get this because a connection of yours needs you." in part
        assert "asked to be told" not in part


#: A refresh is asked for only where it may help; what its row says may be wrong.
WORKS_AGAIN = "UPDATE platform_connections SET connection_status = 'connected'"


def test_a_refresh_that_fails_again_and_again_is_one_message(proof: Proof) -> None:
    connection_id = proof.failed(withdrawn=True)
    for _ in range(3):
        change(proof.engine, "UPDATE notifications SET created_at = created_at - interval '2 days'")
        change(proof.engine, WORKS_AGAIN)
        asks(proof, connection_id, SUPPORT)
        assert proof.run_next() is AttemptOutcome.ERROR
    assert row(proof.engine).template == NEEDS


def test_what_is_tried_again_by_itself_is_told_to_nobody(proof: Proof) -> None:
    connection_id = proof.connected()
    proof.sandbox.behave("503", endpoint="token")
    job = proof.creator.asks("connection.refresh", connection_id)
    while proof.creator.job(job).status is not JobStatus.FAILED:
        proof.run_next()
    assert proof.creator.connection(connection_id).connection_status == "failed"
    assert rows(proof.engine) == []


def test_what_our_team_has_to_mend_is_told_to_no_creator(proof: Proof) -> None:
    proof.failed()  # the provider redirects: GiveUp
    assert rows(proof.engine) == []


@pytest.mark.parametrize("on", [True, False])
def test_who_said_no_is_told_nothing(proof: Proof, *, on: bool) -> None:
    with session_scope(proof.engine) as session:
        set_preference(session, proof.creator.id, PreferenceForm(email_when_needed=on), SUPPORT, None)
    proof.failed(withdrawn=True)
    assert len(rows(proof.engine)) == on


def test_who_started_it_and_still_looks_is_told_nothing(proof: Proof) -> None:
    connection_id = proof.connected()
    proof.sandbox.withdraw(min(proof.accounts))
    asks(proof, connection_id, of_creator(proof))
    proof.run_next()
    assert rows(proof.engine) == []
    change(proof.engine, WORKS_AGAIN)
    asks(proof, connection_id, of_creator(proof))
    change(proof.engine, MINUTE_AGO)
    held = driving.take(proof.engine, queue="connections")
    driving.work_on(proof.engine, held)
    assert row(proof.engine).template == NEEDS, "who has waited for long has gone"


@pytest.mark.parametrize("way", ["disconnected", "connected again"])
def test_news_that_is_over_is_not_sent(proof: Proof, way: str) -> None:
    connection_id = proof.failed(withdrawn=True)
    if way == "disconnected":
        proof.creator.asks("connection.disconnect", connection_id)
    else:
        proof.connect(min(proof.accounts))
    assert proof.run_next() is AttemptOutcome.SUCCEEDED
    assert proof.creator.connection(connection_id).connection_status == way.split()[0]
    assert (row(proof.engine).status, row(proof.engine).dedupe_key) == ("dropped", None)
    assert send_all(proof.engine)["sent"] == 0


def test_a_second_withdrawal_is_news_again(proof: Proof) -> None:
    connection_id = proof.failed(withdrawn=True)
    change(
        proof.engine, "UPDATE notifications SET status = 'sent', next_at = NULL, sent_at = now(), finished_at = now()"
    )
    proof.connect(min(proof.accounts))
    proof.run_next()
    proof.sandbox.withdraw(min(proof.accounts))
    asks(proof, connection_id)
    proof.run_next()
    assert [each.status for each in rows(proof.engine)] == ["sent", "waiting"]


def test_connecting_that_failed_while_its_creator_was_away_is_told(proof: Proof) -> None:
    _, job = proof.connect()
    proof.sandbox.behave("503", endpoint="token")
    change(proof.engine, MINUTE_AGO)
    while proof.creator.job(job).status is not JobStatus.FAILED:
        proof.run_next()
    written = preview(row(proof.engine))
    assert "A service that this needs answered with an error" in written.text
    assert "Account:" not in written.text


def test_a_worker_that_is_lost_with_the_news_does_not_lose_it(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    connection_id = proof.connected()
    proof.sandbox.withdraw(min(proof.accounts))
    asks(proof, connection_id)
    with monkeypatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=driving.die(patch))
        with pytest.raises(driving.Killed):
            proof.run_next()
    assert rows(proof.engine) == []
    driving.presume_dead(proof.engine)
    assert proof.run_next() is AttemptOutcome.ERROR
    assert "was withdrawn at" in row(proof.engine).data["sentence"]


@pytest.mark.parametrize("is_demo", [True, False])
def test_demo_mode_s_connections_need_nobody(proof: Proof, engine: Engine, *, is_demo: bool) -> None:
    connection_id = proof.failed(withdrawn=True)
    change(engine, "DELETE FROM notifications")
    failed = select(BackgroundJob).where(BackgroundJob.connection_id == connection_id, BackgroundJob.status == "failed")
    with Session(engine) as session:
        session.get_one(PlatformConnection, connection_id).is_demo = is_demo
        tell_if_needed(JobEnd(session, session.exec(failed).one(), "It failed."))
        assert len(session.exec(select(Notification)).all()) == (not is_demo)
