"""Connecting, refreshing and disconnecting against the sandbox: each ends as it should, and says why it did not."""

from sqlalchemy import Engine

from core.models import AttemptOutcome
from tests import driving
from tests.oauth.people import Creator
from tests.sandboxes import Sandbox


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
