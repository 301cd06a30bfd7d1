"""P23 on random walks: operations, bad days, withdrawals, kills, cancels and expiry, in any order.

A walk that fails prints its seed and its acts; `walk(proof, seed)` repeats it.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from sqlmodel import Session, col, select

from core.errors import NotAllowed
from core.models import BackgroundJob, JobStatus
from core.oauth import client as client_module
from core.operations.connection_upkeep import refresh_due, revoke_owed
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.proving import CALLS, Proof, killing
from tests.oauth.test_one_token import interpose, take_over
from tests.repeats import mostly_slow

#: Seconds: what is slow takes longer than anybody waits for.
PATIENCE, LATE = 1.0, 1.3
ACTS = 22
#: Walks in one test, which share a database and a provider.
TOGETHER = 3
QUICK_MODES = ("silent", "silent", "500", "503", "429", "garbage", "huge", "gone", "redirect")


@dataclass
class Walk:
    proof: Proof
    patch: pytest.MonkeyPatch
    dice: random.Random
    mode: str = "normal"
    offset: int = 0
    acts: list[str] = field(default_factory=list)

    def take_steps(self) -> None:
        weighted: dict[Callable[[], object], int] = {
            self.work: 9,
            self.die: 5,
            self.connect: 4,
            self.refresh: 4,
            self.disconnect: 2,
            self.misbehave: 3,
            self.recover: 3,
            self.withdraw: 1,
            self.expire: 1,
            self.cancel: 2,
            self.freeze: 2,
            self.keep_house: 2,
        }
        for _ in range(ACTS):
            [act] = self.dice.choices(list(weighted), list(weighted.values()))
            self.acts.append(act.__name__)
            with suppress(NotAllowed):
                act()

    def work(self) -> None:
        if held := self.proof.take():
            self.acts.append(f"{held.kind}: {driving.work_on(self.proof.engine, held)}")
            self.proof.wait_for_what_is_late(self.mode, LATE)

    def die(self) -> None:
        """Let the process die somewhere in the next attempt, and another one take over."""
        where = self.dice.choice(["before", "after"])
        with self.patch.context() as patch, suppress(driving.Killed):
            if self.dice.random() < 0.6:
                call = self.dice.choice(CALLS)
                self.acts.append(f"{where} {call}")
                with killing(patch, call, where):
                    self.work()
            else:
                number = self.dice.randrange(3)
                self.acts.append(f"{where} checkpoint {number}")
                driving.at_checkpoint(patch, number, **{where: driving.die(patch)})
                self.work()
        self.proof.wait_for_what_is_late(self.mode, LATE)
        driving.presume_dead(self.proof.engine)

    def freeze(self) -> None:
        """Let a worker lose its job to another while the provider's answer is on the way."""
        with self.patch.context() as patch:
            interpose(patch, self.dice.choice(CALLS), "after", lambda: take_over(self.proof))
            self.work()

    def connect(self) -> None:
        account = self.dice.choice(["", "", f"ben{self.proof.creator.id.hex[-8:]}"])
        without = ["interactions"] if self.dice.random() < 0.1 else []
        self.proof.connect(account, without_scopes=without)

    def refresh(self) -> None:
        self._ask("connection.refresh")

    def disconnect(self) -> None:
        self._ask("connection.disconnect")

    def _ask(self, name: str) -> None:
        if rows := self.proof.rows():
            self.proof.creator.asks(name, self.dice.choice(rows).id)

    def misbehave(self) -> None:
        slow = self.dice.random() < 0.15
        self.mode = self.dice.choice(["slow", "late"] if slow else QUICK_MODES)
        endpoint = self.dice.choice(["all", "all", "token", "me", "revoke", "introspect"])
        times = self.dice.choice([1, 1, 2, 5])
        self.acts.append(f"{self.mode} at {endpoint}, {times} times")
        self.proof.sandbox.behave(self.mode, times=times, endpoint=endpoint, seconds=LATE, retry_after=1)

    def recover(self) -> None:
        self.mode = "normal"
        self.proof.sandbox.behave()

    def withdraw(self) -> None:
        if self.proof.accounts:
            self.proof.sandbox.withdraw(self.dice.choice(sorted(self.proof.accounts)))

    def expire(self) -> None:
        self.offset += 3700
        self.proof.sandbox.behave(offset=self.offset)
        self.mode = "normal"

    def cancel(self) -> None:
        live = select(BackgroundJob.id).where(
            col(BackgroundJob.user_id) == self.proof.creator.id,
            col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        )
        with Session(self.proof.engine) as session:
            found = session.exec(live).all()
        for job in found:
            driving.ask_to_cancel(self.proof.engine, job)

    def keep_house(self) -> None:
        self.proof.task(self.dice.choice([refresh_due, revoke_owed]))


def walk(proof: Proof, seed: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Take a walk, and return what is wrong once all has come to rest; empty is good."""
    proof.sandbox.behave(offset=0)
    steps = Walk(proof, patch, random.Random(seed))
    steps.take_steps()
    wrong = proof.faults_at_rest()
    return [f"seed {seed}: {wrong} after {steps.acts}"] if wrong else []


@pytest.mark.parametrize("first", mostly_slow(range(0, 36, TOGETHER), fast=1))
def test_no_token_is_lost_and_none_is_used_twice(creator: Creator, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", PATIENCE)
    for seed in range(first, first + TOGETHER):
        proof = Proof(Creator.new(creator.engine, creator.sandbox))
        assert walk(proof, seed, monkeypatch) == []
