"""The bus on Redis: whoever can write there can make screens look again, and nothing else."""

import pytest
import redis

from core.bus import Changes
from tasks.redis_bus import CHANNEL, Subscription
from tests.waiting import eventually

GARBAGE = [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"jobs": [1], "users": 7}', b"x" * 1_000_000, b"null"]
JOB = "01a20000-0000-7000-8000-000000000001"


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_on_the_channel_is_passed_over_and_the_next_message_is_heard(redis_url: str, garbage: bytes) -> None:
    heard: list[Changes] = []
    subscription = Subscription(redis_url, heard.append)
    try:
        eventually(lambda: subscription.connected)
        with redis.Redis.from_url(redis_url) as client:
            eventually(lambda: client.publish(CHANNEL, garbage) == 1)
            client.publish(CHANNEL, f'{{"jobs": ["{JOB}"], "users": []}}')
        eventually(lambda: any(changes.jobs for changes in heard))
        assert subscription.connected
    finally:
        subscription.close()
    assert not subscription.connected
