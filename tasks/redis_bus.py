"""The process's bus on Redis: rings doorbells, and tells screens by pub/sub. Down or slow, it delays nobody.

Commits hand their changes to a queue; one thread carries them out, joining what has piled up. What cannot be
delivered is dropped: sweepers ring again, and screens poll.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from uuid import UUID

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import DramatiqError

from core.bus import Changes
from tasks.broker import MAX_BELLS, TIMEOUT, bell

CHANNEL = "unstuck:changes"
#: Seconds between two deliveries: the first goes out at once, and what comes meanwhile goes out together.
PACE = 0.01
log = logging.getLogger(__name__)


class RedisBus:
    """Carries changes to Redis from a thread of its own; `lost` counts what could not be delivered."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._waiting: SimpleQueue[Changes | threading.Event | None] = SimpleQueue()
        self.lost = 0
        self._thread = threading.Thread(target=self._carry, name="bus", daemon=True)
        self._thread.start()

    def ring(self, queue: str, times: int) -> None:
        """Wake up to `times` worker threads of a queue, soon."""
        changes = Changes()
        changes.rings[queue] += times
        self._waiting.put(changes)

    def announce(self, changes: Changes) -> None:
        """Tell the screens, soon."""
        self._waiting.put(changes)

    def flush(self, within: float = TIMEOUT) -> None:
        """Wait until everything noted so far is delivered or dropped, `within` seconds at the most."""
        done = threading.Event()
        self._waiting.put(done)
        done.wait(within)

    def close(self) -> None:
        """Deliver what is noted, and stop."""
        self._waiting.put(None)
        self._thread.join(TIMEOUT)

    def _carry(self) -> None:
        while True:
            batch, reached, closing = self._next()
            try:
                self._deliver(batch)
            except (redis.RedisError, DramatiqError, OSError) as error:
                self.lost += 1
                log.warning("broker unreachable: nothing is lost, sweepers ring again", extra={"error": str(error)})
            for event in reached:
                event.set()
            if closing:
                return
            time.sleep(PACE)

    def _next(self) -> tuple[Changes, list[threading.Event], bool]:
        batch = Changes()
        reached: list[threading.Event] = []
        item = self._waiting.get()
        while True:
            if item is None:
                return batch, reached, True
            if isinstance(item, threading.Event):
                reached.append(item)
            else:
                batch.jobs |= item.jobs
                batch.users |= item.users
                batch.rings.update(item.rings)
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return batch, reached, False

    def _deliver(self, batch: Changes) -> None:
        client = self._broker.client
        for queue, times in batch.rings.items():
            self._broker.declare_queue(queue)
            room = MAX_BELLS - int(client.llen(f"{self._broker.namespace}:{queue}"))
            for _ in range(min(times, room)):
                self._broker.enqueue(bell(queue))
        if batch.jobs or batch.users:
            client.publish(CHANNEL, _encode(batch))


class Subscription:
    """Hears what other processes announce, in a thread of its own; reconnects by itself."""

    def __init__(self, url: str, hear: Callable[[Changes], None]) -> None:
        self._url = url
        self._hear = hear
        self._stop = threading.Event()
        #: Whether changes arrive by themselves; screens poll while they do not.
        self.connected = False
        self._thread = threading.Thread(target=self._listen, name="subscription", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(TIMEOUT)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._hear_all()
            except (redis.RedisError, OSError, ValueError) as error:
                self.connected = False
                log.warning("no live hints from the broker, polling", extra={"error": str(error)})
                self._stop.wait(1)

    def _hear_all(self) -> None:
        client = redis.Redis.from_url(self._url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        with client, client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            self.connected = True
            while not self._stop.is_set():
                message = subscription.get_message(timeout=0.5)
                if message and message["type"] == "message":
                    self._hear(_decode(message["data"]))


def _encode(changes: Changes) -> bytes:
    return json.dumps({"jobs": [str(i) for i in changes.jobs], "users": [str(i) for i in changes.users]}).encode()


def _decode(data: bytes) -> Changes:
    """Read a message as ids and nothing else: whoever can write to Redis can only make screens look again."""
    try:
        said = json.loads(data)
        return Changes(jobs={UUID(i) for i in said["jobs"]}, users={UUID(i) for i in said["users"]})
    except (ValueError, KeyError, TypeError, AttributeError):
        return Changes()
