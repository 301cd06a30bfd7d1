"""What happens to jobs when the database dies, or the network before it is cut, slow, stalled or silent."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.database.engine import connect
from core.models import JobStatus
from tests.faults.cluster import NANO, Cluster, heal_and_check
from tests.faults.proxy import Mode
from tests.waiting import eventually

#: Long enough that the database is away in the middle of a job, and of several heartbeats.
SLOW = 0.3


def test_a_worker_whose_connections_are_all_terminated_goes_on(cluster: Cluster) -> None:
    worker = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=SLOW)
    requested = cluster.ask(2)
    cluster.begin(requested[0][1])
    for _ in range(3):
        eventually(lambda: cluster.terminate_connections() > 0)
    requested += cluster.ask(1)
    eventually(cluster.all_ended, within=40)
    assert [cluster.state_of(user) for user, _ in requested] == [("enabled", NANO)] * 3
    assert worker.poll() is None
    heal_and_check(cluster)


def test_jobs_survive_an_immediate_stop_of_postgresql(cluster: Cluster) -> None:
    # Without a broker only the sweeper starts jobs, and it must outlive the loss of the database too.
    worker = cluster.start_worker(REDIS_URL="redis://127.0.0.1:1/0", UNSTUCK_DEMO_STEP_SECONDS=SLOW)
    requested = cluster.ask(3)
    cluster.begin(requested[0][1])
    cluster.servers.crash_postgres()
    eventually(lambda: "database does not respond" in cluster.log_text(), within=20)
    cluster.servers.start_postgres()
    eventually(cluster.all_ended, within=40)
    assert [cluster.state_of(user) for user, _ in requested] == [("enabled", NANO)] * 3
    assert worker.poll() is None
    heal_and_check(cluster)


@pytest.mark.parametrize(
    "mode",
    [
        "cut",
        "slow",
        "stall",
        "blackhole",
    ],
)
def test_a_worker_goes_on_after_the_network_to_the_database_was_broken(cluster: Cluster, mode: Mode) -> None:
    url = cluster.servers.through_proxy(cluster.database_url)
    worker = cluster.start_worker(DATABASE_URL=url, UNSTUCK_DEMO_STEP_SECONDS=SLOW)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    cluster.servers.database_proxy.be(mode)
    if mode != "slow":
        eventually(cluster.is_silent, within=20)
    cluster.servers.database_proxy.be("up")
    [(other, _)] = cluster.ask()
    eventually(cluster.all_ended, within=90)  # a silent server is given up after 40 s
    assert [cluster.state_of(user), cluster.state_of(other)] == [("enabled", NANO)] * 2
    assert worker.poll() is None
    heal_and_check(cluster)


def test_a_silent_database_is_given_up_and_the_next_connection_is_a_new_one(cluster: Cluster) -> None:
    engine = connect(cluster.servers.through_proxy(cluster.database_url), patience=1)
    with engine.connect() as connection:
        cluster.servers.database_proxy.be("blackhole")
        with pytest.raises(OperationalError, match="has not answered for 1 s"):
            connection.execute(text("SELECT 1"))
    cluster.servers.database_proxy.be("up")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_the_jobs_of_a_worker_behind_a_black_hole_are_finished_by_another(cluster: Cluster) -> None:
    url = cluster.servers.through_proxy(cluster.database_url)
    cluster.start_worker(DATABASE_URL=url, UNSTUCK_DEMO_STEP_SECONDS=SLOW)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    cluster.servers.database_proxy.be("blackhole")
    cluster.start_worker()
    eventually(cluster.all_ended, within=30)
    assert cluster.state_of(user) == ("enabled", NANO)
    assert cluster.outcomes(job) == ["lost", "succeeded"]
    heal_and_check(cluster)


def test_eight_threads_share_three_connections(cluster: Cluster) -> None:
    with cluster.servers.superuser(cluster.database_name) as connection:
        connection.execute("DROP ROLE IF EXISTS fault_worker")
        connection.execute("CREATE ROLE fault_worker LOGIN CONNECTION LIMIT 3")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO fault_worker")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO fault_worker")
    url = cluster.database_url.replace("postgres@", "fault_worker@")
    worker = cluster.start_worker(threads=8, DATABASE_URL=url)
    requested = cluster.ask(60)
    running: set[int] = set()
    eventually(lambda: running.add(cluster.count(JobStatus.RUNNING)) or cluster.all_ended(), within=120)
    assert max(running) <= 8, "a worker claims no more than its threads work on"
    assert {cluster.state_of(user) for user, _ in requested} == {("enabled", NANO)}
    assert worker.poll() is None
    heal_and_check(cluster)


def test_a_job_whose_statement_takes_too_long_is_tried_again(cluster: Cluster) -> None:
    cluster.start_worker()
    [user] = cluster.make_users(1)
    with cluster.servers.superuser(cluster.database_name) as connection, connection.transaction():
        connection.execute("LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE")
        job = cluster.perform("demo.enable", user, preset="nano")
        eventually(lambda: "error" in cluster.outcomes(job), within=30)
    heal_and_check(cluster)
    assert cluster.job(job).status is JobStatus.SUCCEEDED
    assert cluster.state_of(user) == ("enabled", NANO)
