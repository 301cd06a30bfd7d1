"""What happened: one job after the other, each from the state that the creator's job before left."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from core.sample.people import Cast, Operator, Person
from core.sample.rhythm import moments
from core.sample.troubles import Error, error

#: The newest jobs have attempts and events too; further back nobody looks, and a million jobs would have five million.
REMEMBERED: Final = 4_000
#: Of 1,000 first attempts so many fail for good, are cancelled, or need another attempt first.
FAIL, CANCEL, AGAIN = 17, 9, 14

#: Seconds between two jobs of one creator, where there are enough creators.
APART: Final = 240.0
#: Jobs that an operator asked for on behalf of a creator.
BY_STAFF: Final = 0.04
#: How often someone whose turns came out of step cancels and begins anew.
CHANGED_MIND: Final = 0.3
#: Where a job leaves its creator.
AFTER: Final = {
    ("demo.enable", "succeeded"): "enabled",
    ("demo.enable", "cancelled"): "disabled",
    ("demo.enable", "failed"): "failed",
    ("demo.disable", "succeeded"): "disabled",
    ("demo.disable", "failed"): "failed",
    ("demo.dismiss", "succeeded"): "disabled",
}

REASONS: Final = (
    "customer on the phone", "asked for in ticket 4711", "demo for a partner tomorrow", "wrong preset chosen",
    "stuck since this morning", "demo service is back", "tidying up after the trial",
)  # fmt: skip


@dataclass(slots=True)
class Happening:
    """One finished job; times in seconds since the epoch."""

    id: UUID
    kind: str
    person: Person
    came_from: str
    status: str
    created: float
    started: float | None
    finished: float
    attempt: int
    done: int
    total: int
    error: Error | None = None
    retry_of: UUID | None = None
    asked_by: Operator | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Life:
    """Where a creator's history has got to."""

    state: str
    left: int = 0
    busy_until: float = 0.0
    failure: Happening | None = None

    @property
    def failure_kind(self) -> str:
        """Return what failed, and is tried again; of a failure before the sample: enabling."""
        return self.failure.kind if self.failure else "demo.enable"


@dataclass(slots=True)
class Story:
    """The whole history, told once by `tell`; the newest of it is kept for attempts and events."""

    cast: Cast
    count: int
    now: datetime
    recent: list[Happening] = field(default_factory=list)
    failed: list[UUID] = field(default_factory=list)

    def tell(self) -> Iterator[Happening]:
        """Yield the jobs in the order in which they were asked for."""
        dice = random.Random(self.count)  # noqa: S311  no secret: the same story for the same people
        times = list(moments(self.count, self.now, dice))
        whose = _who(self.cast.creators, times, dice)
        jobs = Counter(person.id for person in whose)
        lives = {one.id: _Life(_began_as(one, jobs[one.id]), jobs[one.id]) for one in self.cast.creators}
        for place, (at, person) in enumerate(zip(times, whose, strict=True)):
            happening = _next(self.cast, person, lives[person.id], at, dice)
            if place >= self.count - REMEMBERED:
                self.recent.append(happening)
            yield happening
        self.failed = [person_id for person_id, life in lives.items() if life.failure]


def _who(creators: list[Person], times: list[float], dice: random.Random) -> list[Person]:
    """Give every moment to a creator who had joined and is not busy then; who has to end in failed gets one."""
    free: dict[UUID, float] = {person.id: person.since for person in creators}
    whose = []
    for at in times:
        person = dice.choice(creators)
        for _ in range(8):
            if free[person.id] <= at:
                break
            person = dice.choice(creators)
        free[person.id] = at + APART
        whose.append(person)
    must = [person for person in creators if person.ends == "failed"][: len(whose)]
    for place, person in zip(dice.sample(range(len(whose)), len(must)), must, strict=True):
        whose[place] = person
    return whose


def _began_as(person: Person, jobs: int) -> str:
    """Return the state before the first job that leads to the last one's by turns."""
    return "disabled" if _in_turn("disabled", jobs, person) else "enabled"


def _next(cast: Cast, person: Person, life: _Life, at: float, dice: random.Random) -> Happening:
    kind, status = _move(person, life, dice)
    retried = life.failure if life.state == "failed" and kind == life.failure_kind else None
    staffed = retried is not None or kind == "demo.dismiss" or dice.random() < BY_STAFF
    happening = _happening(kind, status, person, life, at, dice)
    happening.retry_of = retried.id if retried else None
    if staffed:
        happening.asked_by, happening.reason = dice.choice(cast.operators), dice.choice(REASONS)
    life.state = AFTER[kind, status]
    life.failure = happening if life.state == "failed" else None
    life.left -= 1
    life.busy_until = happening.finished
    return happening


def _move(person: Person, life: _Life, dice: random.Random) -> tuple[str, str]:
    """Choose what is done and how it ends; the last two jobs lead to the state that the creator has today."""
    kind = {"disabled": "demo.enable", "enabled": "demo.disable"}.get(life.state)
    if kind is None:
        again = AFTER[life.failure_kind, "succeeded"]
        kind = life.failure_kind if _in_turn(again, life.left - 1, person) else "demo.dismiss"
    if life.left <= 1:
        return _last(person.ends, life, kind)
    if life.left == 2 and person.ends == "enabled":
        return {"disabled": ("demo.enable", "cancelled"), "enabled": ("demo.disable", "succeeded")}.get(
            life.state, ("demo.dismiss", "succeeded")
        )
    if life.state == "disabled" and not _in_turn("disabled", life.left, person) and dice.random() < CHANGED_MIND:
        return "demo.enable", "cancelled"
    chance = dice.random() * 1000
    if chance < FAIL and kind != "demo.dismiss":
        return kind, "failed"
    return kind, "cancelled" if chance > 1000 - CANCEL and kind == "demo.enable" else "succeeded"


def _in_turn(state: str, left: int, person: Person) -> bool:
    """Tell whether so many jobs by turns lead from `state` to the one that the creator has today."""
    return person.ends == "failed" or (state == person.ends) == (left % 2 == 0)


def _last(ends: str, life: _Life, kind: str) -> tuple[str, str]:
    if ends == "failed":
        return (kind if kind != "demo.dismiss" else life.failure_kind), "failed"
    if ends == "enabled":
        return "demo.enable", "succeeded"
    ways = {"disabled": ("demo.enable", "cancelled"), "enabled": ("demo.disable", "succeeded")}
    return ways.get(life.state, ("demo.dismiss", "succeeded"))


def _happening(kind: str, status: str, person: Person, life: _Life, at: float, dice: random.Random) -> Happening:
    attempts, trouble = 1, None
    if status == "failed":
        trouble = error(dice, person.id)
        attempts = 3 if trouble.passes else 1
    elif status == "succeeded" and dice.random() * 1000 < AGAIN:
        attempts = dice.choice((2, 2, 3))
    total = person.units if kind == "demo.enable" or life.state != "failed" else 0
    begun = status != "cancelled" or dice.random() < 0.5
    started = max(at + dice.expovariate(8), life.busy_until) if begun else None
    took = (2 + total / 120 * (0.7 + 0.6 * dice.random())) if begun else dice.uniform(1, 8)
    share = 1.0 if status == "succeeded" else dice.random() if begun else 0.0
    pauses = sum(5 * 2**n for n in range(attempts - 1))
    return Happening(
        id=_id_at(at, dice),
        kind=kind,
        person=person,
        came_from=life.state,
        status=status,
        created=at,
        started=started,
        finished=(started or at) + took * max(share, 0.1) + pauses,
        attempt=attempts if begun else 0,
        done=int(total * share),
        total=total if begun else 0,
        error=trouble,
    )


def _id_at(at: float, dice: random.Random) -> UUID:
    """Return a UUIDv7 of that moment."""
    noise = dice.getrandbits(74)
    return UUID(int=int(at * 1000) << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & ((1 << 62) - 1))
