"""RQ: jobs in Redis, run without a fork for each."""

import os

import redis
from rq import Queue, SimpleWorker

from benchmarks.counter import tick

connection = redis.Redis.from_url(os.environ["REDIS_URL"])


def noop(_: int) -> None:
    """Count itself."""
    tick()


def enqueue(number: int) -> None:
    """Enqueue jobs one by one."""
    queue = Queue("bench", connection=connection)
    for each in range(number):
        queue.enqueue("benchmarks.peers.rq_jobs.noop", each, result_ttl=0)


if __name__ == "__main__":
    SimpleWorker(["bench"], connection=connection).work(logging_level="ERROR")
