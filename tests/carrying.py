"""Driving a carrier by hand: a turn without its thread, and what the threads would have been handed and told."""

import threading
from uuid import UUID

from sqlalchemy import Engine

from tasks.carrier import Carrier, Handed, _Ending
from tasks.registry import Registry
from tasks.turns import Turns

QUEUE = "demo"


def carrier_on(engine: Engine, worker: UUID) -> Carrier:
    """Return a carrier whose thread does not run, for eight threads."""
    return Carrier(engine, Registry(8), Turns(lambda _: [], queues=[QUEUE]), lambda: worker, threading.Event())


def in_one_group(carrier: Carrier, endings: list[_Ending], claims: int = 0) -> list[BaseException | None]:
    """Write endings in one batch, as those of threads that end together are, and return what each thread is told."""
    carrier._batch(QUEUE, endings, claims)
    assert all(ending.answered.acquire(blocking=False) for ending in endings)
    return [ending.error for ending in endings]


def all_handed(carrier: Carrier) -> list[Handed]:
    """Take what was handed to the threads."""
    handed = []
    while not carrier._handed.empty():
        handed.append(carrier._handed.get())
    return [each for each in handed if each]
