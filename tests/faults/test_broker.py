"""What happens to jobs when the broker loses everything, dies, is full, never answers, or delivers nonsense."""

from core.models import JobStatus
from tasks.broker import make_broker, wakeup_key, wakeup_message
from tests.faults.cluster import NANO, Cluster, heal_and_check
from tests.waiting import eventually

#: So long that only a wakeup can start a job within a test.
NO_SWEEP = 600


def test_every_job_ends_though_the_broker_is_wiped_in_the_middle(cluster: Cluster) -> None:
    requested = cluster.ask(15)
    cluster.wipe_broker()
    cluster.start_worker()
    eventually(cluster.all_ended, within=30)
    for _ in range(3):
        requested += cluster.ask(15)
        cluster.wipe_broker()
    heal_and_check(cluster)
    assert {cluster.job(job).status for _, job in requested} == {JobStatus.SUCCEEDED}
    assert {cluster.state_of(user) for user, _ in requested} == {("enabled", NANO)}


def test_a_worker_starts_and_works_while_there_is_no_broker(cluster: Cluster) -> None:
    cluster.start_worker(REDIS_URL="redis://127.0.0.1:1/0")
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.has_ended(job), within=20)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)


def test_a_frozen_broker_delays_neither_the_request_nor_the_job(cluster: Cluster) -> None:
    cluster.start_worker()
    cluster.servers.freeze_valkey()
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.has_ended(job), within=20)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)


def test_jobs_start_while_the_broker_is_dead_and_wakeups_work_again_after_its_return(cluster: Cluster) -> None:
    cluster.start_worker()
    cluster.servers.kill_valkey()
    [(_, first)] = cluster.ask()
    eventually(lambda: cluster.has_ended(first), within=20)
    sleeper = cluster.start_worker(UNSTUCK_SWEEP_SECONDS=NO_SWEEP, UNSTUCK_LEASE_SECONDS=NO_SWEEP)
    cluster.kill_healthy()
    cluster.servers.start_valkey()
    eventually(lambda: _woken(cluster), within=30)
    assert sleeper.poll() is None
    heal_and_check(cluster)


def _woken(cluster: Cluster) -> bool:
    """Return whether a new job is started by its wakeup; the first wakeups may be lost while everyone reconnects."""
    [(_, job)] = cluster.ask()
    try:
        return eventually(lambda: cluster.has_ended(job), within=3)
    except AssertionError:
        return False


def test_jobs_start_while_the_broker_is_full(cluster: Cluster) -> None:
    cluster.start_worker()
    with cluster.servers.broker() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.has_ended(job), within=20)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)


def test_jobs_start_while_the_network_to_the_broker_swallows_everything(cluster: Cluster) -> None:
    cluster.start_worker(REDIS_URL=cluster.servers.broker_through_proxy)
    cluster.servers.broker_proxy.be("blackhole")
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.has_ended(job), within=20)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)


def test_a_job_runs_once_however_often_its_wakeup_arrives(cluster: Cluster) -> None:
    cluster.start_workers(2, knows_kinds=True)
    job = cluster.ask_task("fault.steps", steps=3, seconds=0.3)
    broker = make_broker(cluster.servers.redis_url)
    for _ in range(40):
        broker.enqueue(wakeup_message("demo"))
    heal_and_check(cluster)
    assert cluster.outcomes(job) == ["succeeded"]


def test_nonsense_in_the_queue_stops_no_wakeup(cluster: Cluster) -> None:
    cluster.start_worker(UNSTUCK_SWEEP_SECONDS=NO_SWEEP, UNSTUCK_LEASE_SECONDS=NO_SWEEP)
    with cluster.servers.broker() as client:
        client.rpush(
            wakeup_key("demo"), b"\xff\xfe", b"{}", b"[]", b'{"queue_name": "maintenance", "eta": "never"}', b"null"
        )
        client.set(wakeup_key("maintenance"), "not even a list")
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.has_ended(job))
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)
