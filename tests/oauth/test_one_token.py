"""P23: what a provider has issued is held by us, revoked, or owed a revocation; a refresh token is used once.

At every point at which a process can die, a lease be lost, a cancel come, or a provider misbehave.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from core.models import AttemptOutcome
from core.oauth import client as client_module
from core.oauth.client import ProviderClient
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.proving import CALLS, Proof, killing
from tests.repeats import mostly_slow

#: Each way to begin: an operation that was requested, from a state of the row.
Begin = Callable[[Proof], UUID]
#: Seconds in which a provider must answer here, and after which a late one does.
PATIENCE, LATE = 1.0, 1.5


def connect(proof: Proof) -> UUID:
    return proof.connect()[1]


def connect_again(proof: Proof) -> UUID:
    proof.failed()
    return proof.connect()[1]


def connect_another(proof: Proof) -> UUID:
    proof.failed()
    return proof.connect(f"ben{proof.creator.id.hex[-8:]}")[1]


def connect_too_little(proof: Proof) -> UUID:
    return proof.connect(without_scopes=["interactions"])[1]


def refresh(proof: Proof) -> UUID:
    return proof.creator.asks("connection.refresh", proof.connected())


def refresh_again(proof: Proof) -> UUID:
    return proof.creator.asks("connection.refresh", proof.failed())


def refresh_withdrawn(proof: Proof) -> UUID:
    connection_id = proof.connected()
    proof.sandbox.withdraw(min(proof.accounts))
    return proof.creator.asks("connection.refresh", connection_id)


def disconnect(proof: Proof) -> UUID:
    return proof.creator.asks("connection.disconnect", proof.connected())


def disconnect_failed(proof: Proof) -> UUID:
    return proof.creator.asks("connection.disconnect", proof.failed())


def refresh_lost(proof: Proof) -> UUID:
    """Return a refresh that has been asked for once; its answer was lost, or the request was."""
    job = refresh(proof)
    proof.sandbox.behave("500", endpoint="token", times=1)
    assert proof.run_next() is AttemptOutcome.ERROR
    return job


BEGINNINGS: list[Begin] = [
    connect,
    refresh,
    disconnect,
    connect_again,
    connect_another,
    connect_too_little,
    refresh_again,
    refresh_withdrawn,
    disconnect_failed,
]
MODES = ("silent", "late", "slow", "500", "503", "429", "garbage", "huge", "gone", "redirect")
#: What of the provider misbehaves, and for how many requests: attempts may outlast it or not.
PERIODS = (("token", 1), ("me", 1), ("introspect", 1), ("revoke", 1), ("all", 2), ("all", 6))
#: What a sweep of another kind has met is tried with one way alone: the one that can lose most.
one_beginning = pytest.mark.parametrize(
    "begin",
    mostly_slow([refresh, *(each for each in BEGINNINGS if each is not refresh)], fast=1),
    ids=lambda each: each.__name__,
)
every_beginning = pytest.mark.parametrize("begin", mostly_slow(BEGINNINGS, fast=3), ids=lambda each: each.__name__)


@pytest.fixture
def proof(creator: Creator) -> Proof:
    return Proof(creator)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", PATIENCE)


@every_beginning
def test_undisturbed_it_leaves_each_token_in_good_hands(proof: Proof, begin: Begin) -> None:
    begin(proof)
    proof.run_next()
    assert proof.faults() == []
    assert proof.faults_at_rest() == []


@one_beginning
@pytest.mark.parametrize("when", mostly_slow(["after", "before"], fast=1))
def test_killed_at_any_checkpoint(proof: Proof, begin: Begin, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in _until_no_more():
        begin(proof)
        with monkeypatch.context() as patch:
            passed = driving.at_checkpoint(patch, number, **{when: driving.die(patch)})
            with suppress(driving.Killed):
                proof.run_next()
        driving.presume_dead(proof.engine)
        assert proof.faults_at_rest() == [], f"checkpoint {number}"
        _free(proof)
        if len(passed) <= number:
            return


@every_beginning
@pytest.mark.parametrize("when", mostly_slow(["after", "before"], fast=1))
def test_killed_between_a_providers_answer_and_our_commit(
    proof: Proof, begin: Begin, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = 0
    for call in CALLS:
        begin(proof)
        with killing(monkeypatch, call, when) as calls, suppress(driving.Killed):
            proof.run_next()
        driving.presume_dead(proof.engine)
        if calls():  # without that call, it was undisturbed
            met += 1
            assert proof.faults_at_rest() == [], call
        _free(proof)
    assert met > 0


@one_beginning
@pytest.mark.parametrize("when", mostly_slow(["after", "before"], fast=1))
def test_cancelled_around_any_call(proof: Proof, begin: Begin, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in CALLS:
        job = begin(proof)
        with monkeypatch.context() as patch:
            passed = interpose(patch, call, when, lambda job=job: driving.ask_to_cancel(proof.engine, job))
            proof.run_next()
        assert not passed or proof.faults_at_rest() == [], call
        _free(proof)


@every_beginning
def test_cancelled_at_any_checkpoint(proof: Proof, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in _until_no_more():
        job = begin(proof)
        with monkeypatch.context() as patch:
            # Where the attempt that is interrupted here holds the row, the cancel fails however long it waits.
            passed = driving.at_checkpoint(
                patch, number, before=lambda job=job: driving.ask_to_cancel(proof.engine, job, "100ms")
            )
            proof.run_next()
        assert proof.faults_at_rest() == [], f"checkpoint {number}"
        _free(proof)
        if len(passed) <= number:
            return


@one_beginning
def test_who_lost_the_lease_around_a_call_has_no_say(
    proof: Proof, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the answer comes late: a worker that is frozen before it asks is not told from one that has died."""
    for call in CALLS:
        proof.was_taken = False
        begin(proof)
        with monkeypatch.context() as patch:
            passed = interpose(patch, call, "after", lambda: take_over(proof))
            outcome = proof.run_next()
        assert outcome is AttemptOutcome.LOST or not proof.was_taken, call
        assert not passed or proof.faults_at_rest() == [], call
        _free(proof)


@one_beginning
def test_failing_for_good_at_any_checkpoint(proof: Proof, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> None:
        raise RuntimeError("no more paper")

    for number in _until_no_more():
        begin(proof)
        for attempt in range(6):
            with monkeypatch.context() as patch:
                passed = driving.at_checkpoint(patch, 0 if attempt else number, before=break_down)
                if (held := proof.take()) is None:
                    break
                driving.work_on(proof.engine, held)
        assert proof.faults_at_rest() == [], f"checkpoint {number}"
        _free(proof)
        if len(passed) <= number:
            return


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("begin", mostly_slow([refresh_lost, connect, disconnect], fast=1))
@pytest.mark.parametrize("mode", mostly_slow(MODES, fast=1))
def test_whatever_the_provider_does(proof: Proof, begin: Begin, mode: str) -> None:
    for endpoint, times in PERIODS:
        begin(proof)
        proof.sandbox.behave(mode, times=times, endpoint=endpoint, seconds=LATE, retry_after=1)
        for _ in range(7):
            if (held := proof.take()) is None:
                break
            driving.work_on(proof.engine, held)
            proof.wait_for_what_is_late(mode, LATE)
        assert proof.faults_at_rest() == [], (endpoint, times)
        _free(proof)


def take_over(proof: Proof) -> None:
    """Let the worker be presumed dead, and another one run its job to the end of an attempt."""
    proof.was_taken = driving.presume_dead(proof.engine) == 1
    if held := proof.take():
        driving.work_on(proof.engine, held)


def interpose(patch: pytest.MonkeyPatch, call: str, when: str, act: Callable[[], Any]) -> list[None]:
    """Let something happen before or after the client's first call of this name; returns a list of its calls."""
    real, passed = getattr(ProviderClient, call), list[None]()

    def interposed(*args: Any) -> Any:
        passed.append(None)
        if len(passed) == 1 and when == "before":
            act()
        try:
            return real(*args)
        finally:
            if len(passed) == 1 and when == "after":
                act()

    patch.setattr(ProviderClient, call, interposed)
    return passed


def _until_no_more() -> Iterator[int]:
    """Number the rounds; the caller leaves with the first checkpoint that does not exist."""
    yield from range(10)
    raise AssertionError("there are more checkpoints than anybody would think")


def _free(proof: Proof) -> None:
    """Begin the next round with another creator."""
    proof.creator = Creator.new(proof.engine, proof.sandbox)
    proof.accounts = set()
