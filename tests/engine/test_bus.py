"""The bus on a real broker: what is noted is told soon, a crowd of wakeups in handfuls, and all of it at the end."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from core.bus import Changes
from tasks.broker import make_broker, wakeup_key
from tasks.redis_bus import WAKEUPS, RedisBus, Subscription
from tests.waiting import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_a_crowd_is_rung_for_in_handfuls_and_in_full(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    bus.wake("demo", 3 * WAKEUPS)
    eventually(lambda: client.llen(wakeup_key("demo")) == 3 * WAKEUPS)
    bus.close()


def test_what_is_noted_before_a_close_is_delivered_by_it(redis_url: str, client: redis.Redis) -> None:
    bus = RedisBus(make_broker(redis_url))
    bus.wake("demo", 5 * WAKEUPS)
    bus.close()
    assert client.llen(wakeup_key("demo")) == 5 * WAKEUPS


def test_every_announcement_is_heard_however_fast_they_come(redis_url: str) -> None:
    heard: set[object] = set()
    subscription = Subscription(redis_url, lambda changes: heard.update(changes.jobs))
    eventually(lambda: subscription.connected)
    bus = RedisBus(make_broker(redis_url))
    said = {uuid4() for _ in range(200)}
    for job in said:
        bus.announce(Changes(jobs={job}))
    eventually(lambda: heard == said)
    bus.close()
    subscription.close()
