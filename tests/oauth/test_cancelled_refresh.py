"""A refresh that is cancelled leaves its connection as it was, unless it has brought new access already."""

import pytest
from sqlmodel import Session

from core.diagnosis.invariants import violations
from core.models import AttemptOutcome
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.proving import Proof


@pytest.fixture
def proof(creator: Creator) -> Proof:
    return Proof(creator)


@pytest.mark.parametrize("state", ["connected", "failed"])
@pytest.mark.parametrize(
    ("number", "is_renewed"), [(0, False), (1, True)], ids=["before the answer", "while the platform answers"]
)
def test_a_cancelled_refresh_leaves_the_state_that_the_tokens_prove(
    proof: Proof, monkeypatch: pytest.MonkeyPatch, state: str, number: int, *, is_renewed: bool
) -> None:
    row = proof.failed() if state == "failed" else proof.connected()
    before = proof.creator.connection(row)
    assert before.connection_status == state
    job = proof.creator.asks("connection.refresh", row)
    with monkeypatch.context() as patch:
        driving.at_checkpoint(patch, number, before=lambda: driving.ask_to_cancel(proof.engine, job))
        assert proof.run_next() is AttemptOutcome.CANCELLED
    after = proof.creator.connection(row)
    assert (after.access_token != before.access_token) == is_renewed
    assert after.connection_status == ("connected" if is_renewed else state)
    with Session(proof.engine) as session:
        assert list(violations(session)) == []
    assert proof.faults_at_rest() == []


def test_a_refresh_that_is_cancelled_between_two_attempts_leaves_the_connection_failed(proof: Proof) -> None:
    row = proof.failed()
    job = proof.creator.asks("connection.refresh", row)
    proof.sandbox.behave("503", endpoint="token")
    assert proof.run_next() is AttemptOutcome.ERROR
    driving.ask_to_cancel(proof.engine, job)
    assert proof.creator.connection(row).connection_status == "failed"
    assert proof.faults_at_rest() == []
