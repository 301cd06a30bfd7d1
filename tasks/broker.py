"""Wake-ups: a Dramatiq broker on Redis whose messages have no content. A list holds a queue's unanswered wake-ups.

Each entry of the list is one wake-up of its queue, whatever it contains, so an entry from another program cannot be
misread. The sweep repeats a wake-up that is lost with its process: nothing is acknowledged, or delivered twice.
"""

import threading
from collections.abc import Callable, Iterable

import dramatiq
import redis
from dramatiq.broker import Broker, Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from core.errors import Unusable
from core.outages import BROKER

#: Seconds any call to Redis may take.
TIMEOUT = 2.0
#: Seconds a consumer waits for a wake-up before it looks whether it should stop.
WAIT = 0.5
#: Wake-ups that wait per queue at the most: they are all alike, so more would only fill Redis.
MAX_WAKEUPS = 64


class WakeupBroker(Broker):
    """Sends and receives wake-ups. Retries, delays, limits and results are columns of ours, so it has no middleware."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(middleware=[])
        self.client = client
        #: Waits until a thread of this process is free, so many seconds at the most; a worker process sets it.
        self.wait_for_thread: Callable[[float], bool] = lambda _: True

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> Consumer:
        """Receive a queue's wake-ups, at most `prefetch` of them unanswered. `WAIT` counts, not `timeout`."""
        return _WakeupConsumer(self, queue_name, prefetch)

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue known; workers on this broker receive its wake-ups from now on."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[None], *, delay: int | None = None) -> dramatiq.Message[None]:
        """Wake a worker of the message's queue, now; nothing else of the message is sent, and `delay` is ignored."""
        self.wake(message.queue_name)
        return message

    def wake(self, queue: str, times: int = 1) -> None:
        """Wake up to `times` workers of a queue; unanswered wake-ups do not pile up."""
        key = wakeup_key(queue)
        if self.client.lpush(key, *[b"1"] * times) > MAX_WAKEUPS:
            self.client.ltrim(key, 0, MAX_WAKEUPS - 1)

    def flush(self, queue_name: str) -> None:
        """Forget a queue's wake-ups."""
        self.client.delete(wakeup_key(queue_name))


class _WakeupConsumer(Consumer):
    """Receives one queue's wake-ups. While every thread is busy it leaves them to other processes."""

    def __init__(self, broker: WakeupBroker, queue: str, most: int) -> None:
        self._broker = broker
        self._queue = queue
        self._free = threading.Semaphore(most)

    def __next__(self) -> MessageProxy | None:
        if not self._broker.wait_for_thread(WAIT) or not self._free.acquire(timeout=WAIT):
            return None
        woken = False
        try:
            woken = self._broker.client.blpop([wakeup_key(self._queue)], timeout=WAIT) is not None
            if woken and not self._broker.wait_for_thread(0):
                woken = False
                self._broker.wake(self._queue)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        except redis.ResponseError:  # another program put something else there
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
    """Return a broker on the Redis at `url`; nothing is connected yet. Dramatiq's global one stays the team's."""
    return WakeupBroker(client_of(url))


def client_of(url: str) -> redis.Redis:
    """Return a client that gives up soon, and that notes in the log when the broker is back.

    The address's parameters are tried now, since redis-py would do so at the first call.
    """
    limits = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    try:
        client = redis.Redis.from_url(url, redis_connect_func=_greet, **limits)
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (TypeError, ValueError):
        raise Unusable(
            "REDIS_URL has a parameter after the ? that redis-py does not know, or with a wrong value."
        ) from None
    return client


def _greet(connection: redis.connection.AbstractConnection) -> None:
    connection.on_connect()  # type: ignore[no-untyped-call]
    BROKER.end()


def wakeup_message(queue: str) -> dramatiq.Message[None]:
    """Return one wake-up of a queue, as Dramatiq's workers know it."""
    return dramatiq.Message(queue_name=queue, actor_name=actor_name(queue), args=(), kwargs={}, options={})


def wakeup_key(queue: str) -> str:
    """Return the key of the list that holds a queue's wake-ups."""
    return f"unstuck:wakeup:{queue}"


def actor_name(queue: str) -> str:
    """Return the name of the actor that answers a queue's wake-ups."""
    return f"drain.{queue}"
