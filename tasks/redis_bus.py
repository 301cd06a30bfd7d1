"""The process's bus on Redis: it wakes workers, and informs screens by pub/sub. Down or slow, it delays no commit.

Commits put their changes into a queue; one thread delivers them, joined where several wait. Changes that cannot be
delivered are dropped: sweepers wake workers again, and screens poll.
"""

import json
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from uuid import UUID

import redis

from core.bus import Changes
from tasks.broker import TIMEOUT, WakeupBroker, client_of
from tasks.loop import Loop

CHANNEL = "unstuck:changes"
#: A longer message is not ours; ours name the changes of one transaction, or of a tenth of a second.
MOST_BYTES = 200_000
#: Seconds between two deliveries: the first goes out at once, and later changes go out together.
PACE = 0.02
#: Seconds between two announcements; screens do not draw more often.
ANNOUNCE = 0.1
#: Seconds that the thread waits for a change before it comes round.
IDLE = 20.0
_OUTAGES = (redis.RedisError, OSError)


class RedisBus:
    """Delivers changes to Redis from a thread of its own; `lost` counts deliveries that failed."""

    def __init__(self, broker: WakeupBroker) -> None:
        self._broker = broker
        self._waiting: SimpleQueue[Changes | threading.Event | None] = SimpleQueue()
        self.lost = 0
        self._announced = 0.0
        self._later = Changes()
        self._closed = threading.Event()
        missed = "broker unreachable: nothing is lost, sweepers wake workers again"
        self._loop = Loop(
            "bus", self._deliver_next, lambda: PACE, missed=missed, at_once=True, every=IDLE, outages=_OUTAGES
        )
        self._loop.start()

    def publish(self, changes: Changes) -> None:
        """Wake workers and inform the screens, soon."""
        self._waiting.put(changes)

    def flush(self, within: float = TIMEOUT) -> None:
        """Wait until everything noted so far is delivered or dropped, `within` seconds at the most."""
        done = threading.Event()
        self._waiting.put(done)
        done.wait(within)

    def close(self) -> None:
        """Deliver every noted change, and stop."""
        self._waiting.put(None)
        self._closed.wait(TIMEOUT)
        self._loop.stop()

    def _deliver_next(self) -> None:
        batch, reached, closing = self._next(self._later)
        self._later = Changes()
        try:
            self._later = self._deliver(batch, all_now=closing or bool(reached))
        except BaseException:
            self.lost += 1
            raise
        finally:
            for event in reached:
                event.set()
            if closing:
                self._loop.finish()
                self._closed.set()

    def _next(self, batch: Changes) -> tuple[Changes, list[threading.Event], bool]:
        """Add the noted changes to `batch`, and return it; waits a while for the first."""
        reached: list[threading.Event] = []
        try:
            item = self._waiting.get(block=batch == Changes(), timeout=IDLE)
            while True:
                if item is None:
                    return batch, reached, True
                if isinstance(item, threading.Event):
                    reached.append(item)
                else:
                    batch.jobs |= item.jobs
                    batch.users |= item.users
                    batch.wakeups |= item.wakeups
                item = self._waiting.get_nowait()
        except Empty:
            return batch, reached, False

    def _deliver(self, batch: Changes, *, all_now: bool) -> Changes:
        """Wake a worker of each queue, and inform screens, unless they were a moment ago; return the rest."""
        later = Changes()
        for queue in batch.wakeups:
            self._broker.wake(queue)
        if all_now or time.monotonic() - self._announced >= ANNOUNCE:
            if batch.jobs or batch.users:
                self._broker.client.publish(CHANNEL, _encode(batch))
                self._announced = time.monotonic()
        else:
            later.jobs, later.users = batch.jobs, batch.users
        return later


class Subscription:
    """Receives the announcements of other processes in its own thread, and reconnects automatically."""

    def __init__(self, url: str, on_change: Callable[[Changes], None]) -> None:
        self._url = url
        self._on_change = on_change
        #: Whether the bus delivers changes; pages poll while it does not.
        self.connected = False
        missed = "no live hints from the broker, polling"
        self._loop = Loop(
            "subscription", self._listen, lambda: 1.0, missed=missed, at_once=True, outages=(*_OUTAGES, RuntimeError)
        )
        self._loop.start()

    def close(self) -> None:
        """Stop listening."""
        self._loop.stop(TIMEOUT)

    def _listen(self) -> None:
        try:
            self._receive()
        finally:
            self.connected = False

    def _receive(self) -> None:
        client = client_of(self._url)
        with client, client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            self.connected = True
            while not self._loop.is_stopping:
                self._loop.note_round()
                message = subscription.get_message(timeout=0.5)
                if message and message["type"] == "message":
                    self._on_change(_decode(message["data"]))


def _encode(changes: Changes) -> bytes:
    return json.dumps({"jobs": [str(i) for i in changes.jobs], "users": [str(i) for i in changes.users]}).encode()


def _decode(data: bytes) -> Changes:
    """Read a message as ids and nothing else: another program that writes to Redis can only make screens look again."""
    if len(data) > MOST_BYTES:
        return Changes()
    try:
        ids = json.loads(data)
        return Changes(jobs={UUID(i) for i in ids["jobs"]}, users={UUID(i) for i in ids["users"]})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Changes()
