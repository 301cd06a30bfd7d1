"""Driving a carrier by hand: a turn without its thread, and what the threads would have been handed and told."""

import threading
from uuid import UUID

from sqlalchemy import Engine

from tasks.carrier import Carrier
from tasks.handed import Ending, Handed
from tasks.registry import Registry
from tasks.turns import Turns

QUEUE = "demo"


def carrier_on(engine: Engine, worker: UUID) -> Carrier:
    """Return a carrier whose thread does not run, for eight threads."""
    return Carrier(
        engine, Registry(8), Turns(lambda _: [], queues=[QUEUE]), lambda: worker, threading.Event(), threading.Event()
    )


def in_one_group(carrier: Carrier, endings: list[Ending], claims: int = 0) -> list[Ending]:
    """Write endings in one batch, as those of threads that end together are, and return those that were not written.

    The carrier has to have handed them to threads again, before it handed over the next jobs.
    """
    carrier._running.update(ending.handed for ending in endings)
    carrier._batch(QUEUE, endings, claims)
    refused = [ending for ending in endings if ending.handed.refused is ending.ended]
    assert [carrier._handed.get(timeout=0) for _ in refused] == [ending.handed for ending in refused]
    assert {ending.handed for ending in endings} & carrier._running == {ending.handed for ending in refused}
    return refused


def all_handed(carrier: Carrier) -> list[Handed]:
    """Take what was handed to the threads."""
    handed = []
    while not carrier._handed.empty():
        handed.append(carrier._handed.get())
    return [each for each in handed if each]
