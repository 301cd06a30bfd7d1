"""Connecting, refreshing and disconnecting against the sandbox: each ends as it should, and says why it did not."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.database.engine import session_scope
from core.errors import NotAllowed
from core.jobs.retry import retry
from core.models import AttemptOutcome, ConnectionStatus, PlatformConnection
from core.oauth import consents, work
from core.people.connections import state_of
from tests import driving
from tests.factories import SUPPORT
from tests.oauth.people import PLATFORM, Creator
from tests.sandboxes import Sandbox
from tests.waiting import until_blocked


def run_next(engine: Engine) -> AttemptOutcome:
    driving.make_due(engine)
    held = driving.take(engine, queue="connections")
    assert held is not None
    return driving.work_on(engine, held)


def test_a_creator_connects_refreshes_and_disconnects(engine: Engine, creator: Creator, sandbox: Sandbox) -> None:
    connection_id, job = creator.asks_to_connect("ana")
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    row = creator.connection(connection_id)
    assert (row.connection_status, row.handle, row.scopes) == ("connected", "ana", "profile interactions")
    assert creator.job(job).result == {"platform": "sandbox", "handle": "ana"}
    before = row.access_token
    creator.asks("connection.refresh", connection_id)
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    row = creator.connection(connection_id)
    assert (row.connection_status, row.asked_at) == ("connected", None)
    assert row.access_token != before
    creator.asks("connection.disconnect", connection_id)
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    row = creator.connection(connection_id)
    assert (row.connection_status, row.access_token, row.refresh_token) == ("disconnected", None, None)
    assert creator.owed() == []


def test_what_has_nothing_to_refresh_is_not_refreshed_and_keeps_the_sentence_that_helps(
    engine: Engine, creator: Creator, sandbox: Sandbox
) -> None:
    connection_id, _ = creator.asks_to_connect("ben")
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    sandbox.withdraw("ben")
    refreshed = creator.asks("connection.refresh", connection_id)
    assert run_next(engine) is AttemptOutcome.ERROR
    with pytest.raises(NotAllowed, match="Access was withdrawn at Sandbox"):
        creator.asks("connection.refresh", connection_id)
    again, last = creator.asks_to_connect("chloe")
    assert again == connection_id
    assert run_next(engine) is AttemptOutcome.ERROR
    assert not work.why_no_refresh(PlatformConnection(platform=PLATFORM, connection_status=ConnectionStatus.CONNECTED))
    nothing = "There is no access to Sandbox to refresh. Only its creator"
    with pytest.raises(NotAllowed, match=nothing):
        creator.asks("connection.refresh", connection_id)
    with session_scope(engine) as session, pytest.raises(NotAllowed, match=nothing):
        retry(session, refreshed, SUPPORT)
    with Session(engine) as session:
        said = state_of(session, session.get_one(PlatformConnection, connection_id))
        assert said.job is not None
        assert said.job.id == last
        assert "Sandbox signed in chloe, and this connection is of ben." in said.diagnosis.customer


def test_visits_begun_at_once_make_no_more_connections_than_a_creator_may_have(
    engine: Engine, creator: Creator
) -> None:
    used = {"user_id": creator.id, "platform": PLATFORM, "connection_status": "connected"}
    with session_scope(engine) as session:
        session.add_all(PlatformConnection(**used, handle=str(number)) for number in range(consents.MOST - 1))

    def visit() -> object:
        with session_scope(engine) as session:
            return consents.begin(session, creator.id, None, PLATFORM).connection_id

    with ThreadPoolExecutor() as pool:
        with session_scope(engine) as session:
            first = consents.begin(session, creator.id, None, PLATFORM).connection_id
            others = [pool.submit(visit) for _ in range(4)]
            until_blocked(engine, *others)
        assert {other.result(10) for other in others} == {first}
    with Session(engine) as session:
        rows = select(PlatformConnection).where(col(PlatformConnection.user_id) == creator.id)
        assert len(session.exec(rows).all()) == consents.MOST
