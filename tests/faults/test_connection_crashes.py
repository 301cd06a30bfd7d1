"""P23 in real worker processes: they end at each crash point, and they and the provider are killed at any moment."""

import random
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import pytest
import sqlalchemy as sa

from core.crash import EXIT_CODE
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.models import Worker
from core.settings import settings
from tests.faults.cluster import Cluster
from tests.faults.servers import SECRET
from tests.faults.test_crash_points import AT_ONCE, FOR_EVER, every_point
from tests.oauth.people import Creator
from tests.oauth.proving import Proof
from tests.repeats import mostly_slow
from tests.sandboxes import Sandbox, running_sandbox
from tests.waiting import eventually

#: Checkpoints of each operation, at most.
STEPS = {"connect": 2, "refresh": 2, "disconnect": 2}
CREATORS, KILLS = 4, 14


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return a provider that may be killed, known to this process and its workers."""
    with running_sandbox() as sandbox:
        monkeypatch.setenv("UNSTUCK_SANDBOX_URL", sandbox.url)
        monkeypatch.setenv("UNSTUCK_SANDBOX_SECRET", sandbox.secret)
        monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "http://127.0.0.1:8080")
        monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
        settings.cache_clear()
        yield sandbox


@pytest.mark.parametrize("name", STEPS)
def test_a_crash_at_any_point_leaves_each_token_in_good_hands(cluster: Cluster, sandbox: Sandbox, name: str) -> None:
    points = every_point(STEPS[name])
    forever = {"UNSTUCK_LEASE_SECONDS": FOR_EVER, "UNSTUCK_HEARTBEAT_SECONDS": FOR_EVER}
    # All are connected before anything is requested: connecting one would take the job of another.
    proofs = [_waiting(cluster, sandbox, name) for _ in points]
    for proof in proofs if name != "connect" else []:
        proof.creator.asks(f"connection.{name}", proof.rows()[0].id)
    for start in range(0, len(points), AT_ONCE):
        batch = points[start : start + AT_ONCE]
        started = [cluster.fork_worker(threads=1, **forever, UNSTUCK_CRASH_AT=str(point)) for point in batch]
        assert [process.wait(60) for process in started] == [EXIT_CODE] * len(batch)
    with session_scope(cluster.engine) as session:
        session.connection().execute(sa.update(Worker).values(lease_seconds=None))
    cluster.start_worker()
    eventually(cluster.all_ended, within=60)
    cluster.kill_healthy()
    assert [wrong for proof in proofs if (wrong := proof.faults_at_rest())] == []


def _waiting(cluster: Cluster, sandbox: Sandbox, name: str) -> Proof:
    proof = Proof(Creator.new(cluster.engine, sandbox))
    if name == "connect":
        proof.connect()
    else:
        proof.connected()
    return proof


@pytest.mark.parametrize("seed", mostly_slow(range(3), fast=1))
def test_workers_and_the_provider_are_killed_at_any_moment(cluster: Cluster, sandbox: Sandbox, seed: int) -> None:
    dice = random.Random(seed)
    proofs = [Proof(Creator.new(cluster.engine, sandbox)) for _ in range(CREATORS)]
    workers = cluster.start_workers(2, threads=2)
    for _ in range(KILLS):
        for proof in proofs:
            with suppress(NotAllowed):
                _ask_something(proof, dice)
        until = monotonic() + dice.uniform(0.05, 0.6)
        eventually(lambda until=until: monotonic() >= until)
        if dice.random() < 0.4:
            sandbox.restart()
        else:
            victim = workers.pop(dice.randrange(len(workers)))
            victim.kill()
            victim.wait()
            workers += cluster.start_workers(1, threads=2)
    eventually(cluster.all_ended, within=120)
    cluster.kill_healthy()
    assert [f"seed {seed}: {wrong}" for proof in proofs if (wrong := proof.faults_at_rest())] == []


def _ask_something(proof: Proof, dice: random.Random) -> None:
    rows = proof.rows()
    name = dice.choice(["connect", "refresh", "refresh", "disconnect"])
    if name == "connect" or not rows:
        proof.connect()
    else:
        proof.creator.asks(f"connection.{name}", dice.choice(rows).id)
