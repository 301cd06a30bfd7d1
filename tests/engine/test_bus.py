"""The bus on a real broker: changes are delivered soon, a crowd of wake-ups in handfuls, and all of it at the end."""

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from core.bus import Changes
from tasks.broker import make_broker, wakeup_key
from tasks.redis_bus import WAKEUPS, RedisBus, Subscription
from tasks.registry import Registry
from tests.waiting import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_a_crowd_of_wakeups_is_delivered_in_handfuls_and_in_full(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    bus.publish(Changes(wakeups=Counter({"demo": 3 * WAKEUPS})))
    eventually(lambda: client.llen(wakeup_key("demo")) == 3 * WAKEUPS)
    bus.close()


def test_a_close_delivers_every_wakeup_noted_before(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    bus.publish(Changes(wakeups=Counter({"demo": 5 * WAKEUPS})))
    bus.close()
    assert client.llen(wakeup_key("demo")) == 5 * WAKEUPS


def test_every_announcement_is_received_however_fast_they_come(redis_url: str) -> None:
    received: set[object] = set()
    subscription = Subscription(redis_url, lambda changes: received.update(changes.jobs))
    eventually(lambda: subscription.connected)
    bus = RedisBus(make_broker(redis_url))
    announced = {uuid4() for _ in range(200)}
    for job in announced:
        bus.publish(Changes(jobs={job}))
    eventually(lambda: received == announced)
    bus.close()
    subscription.close()


def test_a_process_without_a_free_thread_leaves_wakeups_to_others(redis_url: str, client: redis.Redis) -> None:
    """Another process may be idle, and would not learn of the job before its next sweep."""
    busy, idle, registry = make_broker(redis_url), make_broker(redis_url), Registry(1)
    busy.wait_for_thread = registry.wait_for_slot
    with registry.slot():
        busy.wake("demo")
        assert next(busy.consume("demo")) is None
        assert client.llen(wakeup_key("demo")) == 1
        assert next(idle.consume("demo")) is not None
    busy.wake("demo")
    assert next(busy.consume("demo")) is not None


def test_a_wakeup_that_arrives_as_the_last_thread_becomes_busy_goes_back(redis_url: str, client: redis.Redis) -> None:
    broker, answers = make_broker(redis_url), iter([True, False])
    broker.wait_for_thread = lambda _: next(answers)
    broker.wake("demo")
    assert next(broker.consume("demo")) is None
    assert client.llen(wakeup_key("demo")) == 1
