"""python -m tests.soak [--minutes 10] [--seed N] [--flood N]: break everything at random, then count the losses."""

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.cluster import Cluster
from tests.faults.servers import Servers
from tests.soak.clockwork import add_schedules
from tests.soak.flood import Flood
from tests.soak.people import USERS, Operator
from tests.soak.storm import Storm
from tests.soak.verdict import Verdict, judge
from tests.waiting import eventually

#: People at the console.
OPERATORS = 3
#: Seconds for the last jobs to end after everything was repaired; a silent server is options up after 40.
DRAIN = 180


def main() -> int:
    """Run one soak, print its table, and return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--flood", type=int, default=3_000, help="jobs that always wait in another queue")
    options = parser.parse_args()
    logging.getLogger("tasks").setLevel(logging.ERROR)  # an unreachable broker is expected here
    minutes, seed = options.minutes, options.seed
    say(f"Soak of {minutes:g} minutes: make soak MINUTES={minutes:g} SEED={seed} FLOOD={options.flood}")
    folder = Path(tempfile.mkdtemp(prefix="unstuck-soak-"))
    with Servers(folder / "data") as servers, servers.new_database() as url:
        cluster = Cluster(servers, url)
        try:
            verdict = soak(cluster, minutes, seed, options.flood)
        finally:
            cluster.stop()
        log = Path(shutil.copy(cluster.log, folder / "workers.log"))
    say(verdict.table())
    if not verdict.is_kept:
        say("\n".join(["", "Broken:", *verdict.broken[:50], f"The workers' log: {log}"]))
        return 1
    shutil.rmtree(folder)
    return 0


def soak(cluster: Cluster, minutes: float, seed: int, backlog: int) -> Verdict:
    """Let the storm rage and operators work for some minutes, repair everything, drain, and judge."""
    add_schedules(cluster)
    flood = Flood(cluster, backlog)
    storm = Storm(cluster, random.Random(seed))
    users = cluster.make_users(USERS)
    operators = [Operator(cluster, users, random.Random(f"{seed}/{number}")) for number in range(OPERATORS)]
    end = time.monotonic() + minutes * 60
    with cluster.wakeup():
        for thread in (flood, *operators):
            thread.start()
        while (now := time.monotonic()) < end:
            storm.rage(min(end, now + 60))
            left = max(0, end - time.monotonic()) / 60
            say(f"{left:5.1f} min left; {dict(storm.counts)}; {len(acknowledged_to(operators)):,} jobs")
        for thread in (flood, *operators):
            thread.stop()
        storm.end()
        wait_for_the_last(cluster)
    for operator in operators:
        if operator.error:
            raise operator.error
    return judge(cluster, operators, flood, storm.counts, seed, minutes)


def acknowledged_to(operators: list[Operator]) -> list[object]:
    """Return every id that was acknowledged so far."""
    return [job_id for operator in operators for job_id in operator.acknowledged]


def wait_for_the_last(cluster: Cluster) -> None:
    """Wait until every job has ended; a job that has not ended by then counts as stuck."""
    try:
        eventually(cluster.all_ended, within=DRAIN)
    except AssertionError as error:
        say(f"Not drained: {error}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
