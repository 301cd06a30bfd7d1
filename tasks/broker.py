"""The doorbell: a Dramatiq broker on Redis whose messages carry nothing. A list holds a queue's unanswered rings.

Whatever lies in the list is one ring of its queue, so nothing that others may write there can be misread. A ring that
is lost with the process that woken it is rung again by the sweep: nothing is acknowledged, or delivered twice.
"""

import threading
from collections.abc import Iterable

import dramatiq
import redis
from dramatiq.broker import Broker, Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

#: Seconds any call to Redis may take.
TIMEOUT = 2.0
#: Seconds a consumer waits for a ring before it looks whether it should stop.
WAIT = 0.5
#: Rings that wait per queue at the most: they are all alike, so more would only fill Redis.
MAX_WAKEUPS = 64


class WakeupBroker(Broker):
    """Rings and hears bells. Retries, delays, limits and results are columns of ours, so it has no middleware."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(middleware=[])
        self.client = client

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> Consumer:
        """Hear a queue's bell, with at most `prefetch` rings unanswered. Its own waiting time counts, not `timeout`."""
        return _WakeupConsumer(self, queue_name, prefetch)

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue's bell known; whoever works on this broker hears it from now on."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[None], *, delay: int | None = None) -> dramatiq.Message[None]:
        """Ring the bell of the message's queue; nothing else of the message is sent, and none is rung late."""
        self.wake(message.queue_name)
        return message

    def wake(self, queue: str, times: int = 1) -> None:
        """Ring a queue's bell, `times` at the most: rings that nobody answers are not piled up."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.lpush(wakeup_key(queue), *[b"1"] * times)
            pipeline.ltrim(wakeup_key(queue), 0, MAX_WAKEUPS - 1)
            pipeline.execute()

    def flush(self, queue_name: str) -> None:
        """Forget a queue's rings."""
        self.client.delete(wakeup_key(queue_name))


class _WakeupConsumer(Consumer):
    """Hears one queue's bell."""

    def __init__(self, broker: WakeupBroker, queue: str, most: int) -> None:
        self._broker = broker
        self._queue = queue
        #: A busy process leaves the rings to others.
        self._free = threading.Semaphore(most)

    def __next__(self) -> MessageProxy | None:
        if not self._free.acquire(timeout=WAIT):
            return None
        woken = False
        try:
            woken = self._broker.client.blpop([wakeup_key(self._queue)], timeout=WAIT) is not None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        except redis.ResponseError:  # somebody put something else there
            self._broker.flush(self._queue)
        finally:
            if not woken:
                self._free.release()
        return MessageProxy(wakeup_message(self._queue)) if woken else None

    def ack(self, message: MessageProxy) -> None:
        self._free.release()

    def nack(self, message: MessageProxy) -> None:
        self._free.release()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        if unanswered := len(list(messages)):
            self._broker.wake(self._queue, unanswered)


def make_broker(url: str) -> WakeupBroker:
    """Return a broker on the Redis at `url`; nothing is connected yet."""
    broker = WakeupBroker(redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT))
    dramatiq.set_broker(broker)
    return broker


def wakeup_message(queue: str) -> dramatiq.Message[None]:
    """Return one ring of a queue's doorbell, as Dramatiq's workers know it."""
    return dramatiq.Message(queue_name=queue, actor_name=actor_name(queue), args=(), kwargs={}, options={})


def wakeup_key(queue: str) -> str:
    """Return the key of the list that holds a queue's rings."""
    return f"unstuck:wake:{queue}"


def actor_name(queue: str) -> str:
    """Return the name of the actor that answers a queue's bell."""
    return f"drain.{queue}"
