"""Who is compared: how each one's workers are started, and what it keeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run jobs. `worker` is the command of one worker process, as arguments to Python."""

    name: str
    module: str
    worker: tuple[str, ...]
    #: The package it needs, besides our own; empty: none.
    package: str = ""
    #: Jobs of one round, so that each one's round takes a few seconds.
    jobs: int = 1000
    #: Whether a job that was accepted is in PostgreSQL.
    durable: bool = True
    #: Run once before the first worker.
    schema: tuple[str, ...] = ()
    #: The module that enqueues, if it is not the worker's.
    producer: str = ""
    #: Whether the part "drain" measures it as well.
    drained: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is this program."""
        return self.module == "benchmarks.ours"


def _dramatiq(module: str) -> tuple[str, ...]:
    return ("-m", "dramatiq", module, "-p", "1", "-t", "8", "--skip-logging")


_PROCRASTINATE = "import benchmarks.peers.procrastinate_rows"
OURS = "Unstuck"
OURS_COMMAND = ("worker", "--threads", "8")
OURS_WORKER = ("-m", "benchmarks.ours", *OURS_COMMAND)
CONTENDERS = (
    Contender(f"{OURS}, asked in autocommit", "benchmarks.ours", OURS_WORKER, jobs=3000,
              producer="benchmarks.ours_alone"),
    Contender(f"{OURS}, asked by a Session", "benchmarks.ours", OURS_WORKER, jobs=3000, drained=True),
    Contender(
        "Dramatiq + Redis (not durable)", "benchmarks.peers.raw_dramatiq", _dramatiq("benchmarks.peers.raw_dramatiq"),
        jobs=4000, durable=False,
    ),
    Contender(
        "Dramatiq + naive SQLModel rows", "benchmarks.peers.naive_rows", _dramatiq("benchmarks.peers.naive_rows")
    ),
    Contender(
        "Celery + PostgreSQL results", "benchmarks.peers.celery_rows",
        ("-m", "celery", "-A", "benchmarks.peers.celery_rows", "worker", "-c", "1", "-l", "ERROR",
         "--without-gossip", "--without-mingle"), package="celery",
    ),
    Contender(
        "Procrastinate", "benchmarks.peers.procrastinate_rows", ("-c", f"{_PROCRASTINATE} as peer; peer.work()"),
        package="procrastinate", drained=True, schema=("-c", f"{_PROCRASTINATE} as peer; peer.make_schema()"),
    ),
    Contender("RQ (not durable)", "benchmarks.peers.rq_jobs", ("-m", "benchmarks.peers.rq_jobs"), package="rq",
              durable=False),
)  # fmt: skip
