"""P23 in a small world, whole: each order of four acts, with a provider that answers late, twice or never.

Longer walks are taken at random (test_walks); here nothing is left to chance.
"""

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from random import Random

import pytest

from core.errors import NotAllowed
from core.oauth import client as client_module
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.proving import Proof, killing
from tests.oauth.test_one_token import interpose, take_over
from tests.oauth.test_walks import LATE, PATIENCE, Walk
from tests.repeats import mostly_slow

Act = Callable[[Walk], object]


def refresh(walk: Walk) -> None:
    walk.refresh()


def disconnect(walk: Walk) -> None:
    walk.disconnect()


def connect(walk: Walk) -> None:
    walk.proof.connect()


def work(walk: Walk) -> None:
    walk.work()


def withdraw(walk: Walk) -> None:
    walk.withdraw()


def cancel(walk: Walk) -> None:
    walk.cancel()


def never_answer(walk: Walk) -> None:
    """The provider does what the next request asks for, and the answer is lost."""
    walk.proof.sandbox.behave("silent", times=1, endpoint="all")


def answer_late(walk: Walk) -> None:
    """The provider does what the next request asks for after nobody waits for it any more."""
    walk.mode = "late"
    walk.proof.sandbox.behave("late", times=1, endpoint="token", seconds=LATE)


def answer_twice(walk: Walk) -> None:
    """Two workers hear an answer: the first has lost its job while it was on the way."""
    with walk.patch.context() as patch:
        for call in ("tokens_for", "refreshed", "revoke"):
            interpose(patch, call, "after", lambda: take_over(walk.proof))
        walk.work()


def die_with_the_answer(walk: Walk) -> None:
    with walk.patch.context() as patch, killing(patch, "refreshed", "after"), suppress(driving.Killed):
        walk.work()
    driving.presume_dead(walk.proof.engine)


FIRST: tuple[Act, ...] = (refresh, disconnect, connect, withdraw, never_answer)
ACTS: tuple[Act, ...] = (*FIRST, work, cancel, answer_twice, die_with_the_answer)


def at_rest(creator: Creator, acts: tuple[Act, ...], patch: pytest.MonkeyPatch) -> list[str]:
    """Connect, act, and return what is wrong once all has come to rest."""
    proof = Proof(Creator.new(creator.engine, creator.sandbox))
    creator.sandbox.behave(offset=0)
    proof.connected()
    walk = Walk(proof, patch, Random(0))
    for act in acts:
        with suppress(NotAllowed):
            act(walk)
    return proof.faults_at_rest()


@pytest.mark.parametrize(("first", "second"), mostly_slow(product(FIRST, ACTS), fast=1), ids=lambda act: act.__name__)
def test_no_order_of_acts_loses_a_token(
    creator: Creator, first: Act, second: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", PATIENCE)
    for third in ACTS:
        acts = (first, second, third, work)
        wrong = at_rest(creator, acts, monkeypatch)
        assert wrong == [], [act.__name__ for act in acts]


@pytest.mark.slow
@pytest.mark.parametrize("last", ACTS, ids=lambda act: act.__name__)
def test_a_late_answer_loses_no_token(creator: Creator, last: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", PATIENCE)
    for asked in (refresh, connect):
        acts = (asked, answer_late, work, last, work)
        assert at_rest(creator, acts, monkeypatch) == [], [act.__name__ for act in acts]
