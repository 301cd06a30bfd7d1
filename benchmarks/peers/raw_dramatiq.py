"""Dramatiq on Redis as it comes: fast, and whatever Redis forgets is gone."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.counter import tick

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"], namespace="raw"))  # type: ignore[no-untyped-call]


@dramatiq.actor(max_retries=0)
def noop(_: int) -> None:
    """Count itself."""
    tick()


def enqueue(number: int) -> None:
    """Send messages one by one."""
    for each in range(number):
        noop.send(each)
