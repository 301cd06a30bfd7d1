"""The bus on a real broker: changes are delivered soon, a crowd of wake-ups as few, and all of it at the end."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from core.bus import Changes
from tasks.broker import MAX_WAKEUPS, make_broker, wakeup_key
from tasks.redis_bus import RedisBus, Subscription
from tasks.registry import Registry
from tests.waiting import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_a_crowd_of_requests_wakes_one_worker_which_calls_others(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    for _ in range(30):
        bus.publish(Changes(wakeups={"demo", "others"}))
    bus.close()
    assert 1 <= client.llen(wakeup_key("demo")) < 30
    assert 1 <= client.llen(wakeup_key("others")) < 30


def test_a_close_delivers_every_wakeup_noted_before(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    for queue in ("demo", "others"):
        bus.publish(Changes(wakeups={queue}))
    bus.close()
    assert [client.llen(wakeup_key(queue)) for queue in ("demo", "others")] == [1, 1]


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


def test_wakeups_that_are_not_answered_do_not_pile_up(redis_url: str, client: redis.Redis) -> None:
    broker = make_broker(redis_url)
    for times in (1, 100, 1):
        broker.wake("demo", times)
    assert client.llen(wakeup_key("demo")) == MAX_WAKEUPS


def test_a_process_without_a_free_thread_leaves_wakeups_to_others(redis_url: str, client: redis.Redis) -> None:
    """Another process may be idle, and would not learn of the job before its next sweep."""
    busy, idle, registry = make_broker(redis_url), make_broker(redis_url), Registry(1)
    busy.wait_for_thread = registry.wait_for_thread
    registry.set_busy(1)
    busy.wake("demo")
    assert next(busy.consume("demo")) is None
    assert client.llen(wakeup_key("demo")) == 1
    assert next(idle.consume("demo")) is not None
    registry.set_busy(0)
    busy.wake("demo")
    assert next(busy.consume("demo")) is not None


def test_a_wakeup_that_arrives_as_the_last_thread_becomes_busy_goes_back(redis_url: str, client: redis.Redis) -> None:
    broker, answers = make_broker(redis_url), iter([True, False])
    broker.wait_for_thread = lambda _: next(answers)
    broker.wake("demo")
    assert next(broker.consume("demo")) is None
    assert client.llen(wakeup_key("demo")) == 1
