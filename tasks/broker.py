"""The doorbell: a Dramatiq broker on Redis whose messages carry nothing that matters."""

import os

# Idle consumers look again after 50 ms instead of up to 1 s; Dramatiq reads this when it is imported.
os.environ.setdefault("dramatiq_worker_timeout", "50")

import dramatiq
from dramatiq.brokers.redis import RedisBroker

#: Seconds any call to Redis may take.
TIMEOUT = 2.0
#: Bells that wait per queue at the most: they are all alike, so more would only fill Redis.
MAX_BELLS = 64


def make_broker(url: str) -> RedisBroker:
    """Return a broker without middleware: retries, delays, limits and results are columns of ours."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=url, middleware=[], socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )
    dramatiq.set_broker(broker)
    return broker


def bell(queue: str) -> dramatiq.Message[None]:
    """Return one ring of a queue's doorbell."""
    return dramatiq.Message(queue_name=queue, actor_name=actor_name(queue), args=(), kwargs={}, options={})


def actor_name(queue: str) -> str:
    """Return the name of the actor that answers a queue's bell."""
    return f"drain.{queue}"
