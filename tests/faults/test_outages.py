"""An outage in a worker's log: one line when it begins and one when it ends, however many threads try again."""

import json
from pathlib import Path

from tests.faults.cluster import Cluster, heal_and_check
from tests.waiting import eventually

#: What a worker may also say once the servers are back.
AFTERWARDS = {
    "worker started",
    "was presumed dead, registered anew",
    "workers presumed dead",
    "audit log sealed",
    "schedule due",
}


def events(log: Path) -> list[str]:
    """Return what the lines of a log say."""
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(cluster: Cluster) -> None:
    log = cluster.log = cluster.servers.data_dir / "outages.log"
    cluster.start_worker()
    cluster.log = log.with_suffix(".debug")
    cluster.start_worker(UNSTUCK_LOG_LEVEL="debug")
    cluster.servers.crash_postgres()
    cluster.servers.kill_valkey()
    # A thread of ours reports each error once, Dramatiq's consumers report each try.
    tries = {"heartbeat missed": 1, "sweep missed": 1, "connection error": 3}
    eventually(lambda: all(cluster.log_text().count(line) >= least for line, least in tries.items()), within=40)
    cluster.servers.heal()
    eventually(lambda: {"database is back", "broker is back"} <= set(events(log)), within=20)
    heal_and_check(cluster)
    assert sorted(event for event in events(log) if event not in AFTERWARDS) == [
        "broker does not respond: sweepers start jobs, screens poll",
        "broker is back",
        "database does not respond",
        "database is back",
    ]
