"""The disturbances of the soak: processes, servers and the network between them, in an order that the seed decides."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.faults.cluster import WITH_KINDS, Cluster, Process

#: Worker processes that are kept alive.
WORKERS = 3
#: Seconds between two disturbances, at the least and at the most.
CALM = (0.5, 3.0)
#: Seconds for which a worker is frozen or the network is broken; the lease is 2 s.
TROUBLE = (0.2, 5.0)
#: A step of a job takes this long, so that there is a middle to harm.
STEP = 0.05


class Storm:
    """Breaks something, remembers to repair it, and counts."""

    def __init__(self, cluster: Cluster, random: Random) -> None:
        self._cluster = cluster
        self._random = random
        self._workers: list[Process] = []
        self._frozen: set[int] = set()
        self._repairs: list[tuple[float, Callable[[], None]]] = []
        self.counts: Counter[str] = Counter()
        self._disturbances: dict[Callable[[], None], int] = {
            self._kill: 10,
            self._freeze: 10,
            self._wipe: 6,
            self._restart_broker: 3,
            self._restart_postgres: 2,
            self._cut_database: 5,
            self._break_database: 5,
            self._break_broker: 4,
        }

    def rage(self, until: float) -> None:
        """Break one thing after the other until then, by the monotonic clock."""
        while time.monotonic() < until:
            self._keep_workers()
            self._repair_what_is_due()
            [disturbance] = self._random.choices(list(self._disturbances), list(self._disturbances.values()))
            disturbance()
            self._wait(self._random.uniform(*CALM))

    def end(self) -> None:
        """Repair everything."""
        for _, repair in self._repairs:
            repair()
        self._repairs.clear()
        self._cluster.heal()
        self._keep_workers()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(0.05, left))
            self._repair_what_is_due()

    def _keep_workers(self) -> None:
        self._workers = [process for process in self._workers if process.poll() is None]
        while len(self._workers) < WORKERS:
            servers = self._cluster.servers
            command = (*WITH_KINDS, "worker", "--threads", "4")
            process = self._cluster.spawn(
                command,
                DATABASE_URL=servers.through_proxy(self._cluster.database_url),
                REDIS_URL=servers.broker_through_proxy,
                UNSTUCK_DEMO_STEP_SECONDS=STEP,
            )
            self._workers.append(process)

    def _later(self, repair: Callable[[], None]) -> None:
        self._repairs.append((time.monotonic() + self._random.uniform(*TROUBLE), repair))

    def _repair_what_is_due(self) -> None:
        now = time.monotonic()
        due = [repair for at, repair in self._repairs if at <= now]
        self._repairs = [(at, repair) for at, repair in self._repairs if at > now]
        for repair in due:
            repair()

    def _kill(self) -> None:
        victim = self._random.choice(self._workers)
        victim.kill()
        victim.wait()
        self.counts["kills"] += 1

    def _freeze(self) -> None:
        victim = self._random.choice(self._workers)
        if victim.poll() is None and victim.pid not in self._frozen:
            victim.send_signal(signal.SIGSTOP)
            self._frozen.add(victim.pid)
            self._later(lambda: self._thaw(victim))
            self.counts["pauses"] += 1

    def _thaw(self, victim: Process) -> None:
        self._frozen.discard(victim.pid)
        if victim.poll() is None:
            victim.send_signal(signal.SIGCONT)

    def _wipe(self) -> None:
        with self._cluster.servers.broker() as client:
            client.flushall()
        self.counts["wipes"] += 1

    def _restart_broker(self) -> None:
        self._cluster.servers.kill_valkey()
        self._wait(self._random.uniform(0, 1))
        self._cluster.servers.start_valkey()
        self.counts["broker restarts"] += 1

    def _restart_postgres(self) -> None:
        self._cluster.servers.crash_postgres()
        self._wait(self._random.uniform(0, 3))
        self._cluster.servers.start_postgres()
        self.counts["PostgreSQL restarts"] += 1

    def _cut_database(self) -> None:
        self._cluster.servers.database_proxy.reset()
        self.counts["cuts"] += 1

    def _break_database(self) -> None:
        proxy = self._cluster.servers.database_proxy
        proxy.be(self._random.choice(("cut", "stall", "slow", "slow", "blackhole")))
        self._later(lambda: proxy.be("up"))
        self.counts["cuts"] += 1

    def _break_broker(self) -> None:
        proxy = self._cluster.servers.broker_proxy
        proxy.be(self._random.choice(("cut", "stall", "slow", "blackhole")))
        self._later(lambda: proxy.be("up"))
        self.counts["cuts"] += 1
