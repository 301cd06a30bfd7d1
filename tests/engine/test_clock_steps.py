"""The database's clock steps: living workers keep their jobs, dead ones lose theirs in time, and due jobs start."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.database.engine import connect, session_scope
from core.database.window import MOST
from core.diagnosis.invariants import violations
from core.job_list.attempts import job_attempts
from core.job_list.changes import changed_since
from core.jobs import watch, workers
from core.jobs.failure import failure_of
from core.jobs.finish import fail_or_retry
from core.jobs.limits import may_start
from core.jobs.request import JobOptions, request
from core.models import AttemptOutcome, BackgroundJob, JobStatus, Worker
from core.operations import BY_NAME
from core.settings import settings
from tasks import sweeper
from tasks.actors import Drain
from tasks.heartbeat import Heartbeat
from tasks.registry import Registry
from tasks.sweeper import Sweeper
from tests import driving
from tests.factories import SUPPORT
from tests.repeats import mostly_slow
from tests.stepping import SteppingClock, stepping_clock

ENABLE = BY_NAME["demo.enable"]
FORWARD, BACK = timedelta(minutes=10), -timedelta(hours=1)
DEAD = uuid4()


class Team:
    """Workers and a sweeper in one process: time passes on the database's clock and on the monotonic one alike."""

    def __init__(self, engine: Engine, clock: SteppingClock, patch: pytest.MonkeyPatch) -> None:
        self.engine, self.clock, self.passed = engine, clock, 1_000.0
        patch.setattr(driving, "STEP", settings().step_limit)
        patch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: self.passed))
        self.sweeper = self.a_sweeper()
        self.heartbeats: list[Heartbeat] = []
        self.interrupted: list[tuple[UUID, int]] = []

    def a_sweeper(self) -> Sweeper:
        return Sweeper(self.engine)

    def job_of_a_worker(self, *, alive: bool) -> UUID:
        worker = driving.new_worker(self.engine)
        driving.ask(self.engine, ENABLE, driving.prepare(self.engine, ENABLE), {"preset": "nano"})
        held = driving.must_take(self.engine, worker)
        if alive:
            registry = Registry(1)
            registry.held = lambda: {(held.id, held.token): 0}  # type: ignore[method-assign,dict-item]
            beating = Heartbeat(Drain(self.engine, registry, worker), ["demo"], "1", lambda: None)
            beating._interrupt = lambda keys: self.interrupted.extend(keys)  # type: ignore[method-assign]
            self.heartbeats.append(beating)
            beating.once()
        return held.id

    def wait(self, seconds: float) -> None:
        """Let time pass, with all sweeps and heartbeats in it; the next heartbeat comes as late as it may."""
        until = self.passed + seconds
        while self.passed < until:
            pause = min(settings().sweep_seconds, until - self.passed)
            self.passed += pause
            self.clock.step(timedelta(seconds=pause))
            self.sweeper.once()
            if self.passed % settings().heartbeat_seconds == 0:
                for each in self.heartbeats:
                    each.once()

    def outcomes(self, job_id: UUID) -> list[AttemptOutcome]:
        with Session(self.engine) as session:
            return [attempt.outcome for attempt in job_attempts(session, job_id, MOST).turned()]


@pytest.fixture
def clock(database_url: str) -> Iterator[SteppingClock]:
    with stepping_clock(database_url) as clock:
        yield clock


@pytest.fixture
def engine(clock: SteppingClock) -> Iterator[Engine]:
    engine = connect(clock.url)
    yield engine
    engine.dispose()


@pytest.fixture
def team(engine: Engine, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(engine, clock, monkeypatch)


@pytest.mark.parametrize("by", mostly_slow([FORWARD, BACK, timedelta(days=400)], fast=2))
def test_living_workers_keep_their_jobs_when_the_clock_steps(team: Team, by: timedelta) -> None:
    jobs = [team.job_of_a_worker(alive=True) for _ in range(3)]
    team.wait(35)
    team.clock.step(by)
    team.wait(60)
    assert [team.outcomes(job) for job in jobs] == [["running"]] * 3
    assert team.interrupted == []


@pytest.mark.parametrize(
    "mutant",
    mostly_slow([[sweeper, "_patience", lambda: 0.0], [workers, "carry_deadlines", lambda *_: None]], fast=1),
    ids=lambda mutant: mutant[1],
)
def test_a_team_without_a_protection_is_found_out(
    team: Team, mutant: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*mutant)
    with pytest.raises(AssertionError):
        test_living_workers_keep_their_jobs_when_the_clock_steps(team, FORWARD)


def test_a_sweeper_that_starts_just_after_a_step_takes_nothing_from_the_living(team: Team) -> None:
    job = team.job_of_a_worker(alive=True)
    team.wait(30)
    team.clock.step(FORWARD)
    team.sweeper = team.a_sweeper()
    team.sweeper.once()
    team.wait(60)
    assert team.outcomes(job) == ["running"]


@pytest.mark.parametrize("by", mostly_slow([BACK, FORWARD, timedelta()], fast=1))
def test_a_dead_worker_loses_its_job_within_lease_and_sweeps_whatever_the_clock_does(team: Team, by: timedelta) -> None:
    living, dead = team.job_of_a_worker(alive=True), team.job_of_a_worker(alive=False)
    team.wait(10)
    team.clock.step(by)
    team.wait(settings().lease_seconds - 10 + 2 * settings().sweep_seconds)
    assert team.outcomes(dead) == ["lost"]
    assert team.outcomes(living) == ["running"]


def test_a_machine_that_was_paused_takes_nothing_away_when_it_goes_on(team: Team) -> None:
    job = team.job_of_a_worker(alive=True)
    team.wait(35)
    team.passed += 100
    team.clock.step(timedelta(seconds=100))
    team.wait(30)
    assert team.outcomes(job) == ["running"]


@pytest.mark.parametrize("by", mostly_slow([FORWARD, BACK], fast=1))
def test_a_step_that_hangs_is_taken_at_its_limit_whatever_the_clock_does(team: Team, by: timedelta) -> None:
    job = team.job_of_a_worker(alive=True)
    team.wait(285)
    team.clock.step(by)
    team.wait(10)
    assert team.outcomes(job) == ["running"], "it has five seconds left"
    team.wait(40 + 300 * (by < timedelta()))  # after a step back, it has its whole time again
    assert team.outcomes(job) == ["lost"]


def test_jobs_that_are_due_do_not_wait_for_a_clock_that_was_put_back(team: Team) -> None:
    asked, retried, planned = (driving.prepare(team.engine, ENABLE) for _ in range(3))
    team.sweeper.once()
    second = driving.ask(team.engine, ENABLE, retried, {"preset": "nano"})
    held = driving.must_take(team.engine)
    with session_scope(team.engine) as session:
        fail_or_retry(session, session.get_one(BackgroundJob, held.id), failure_of(ValueError("no")))
        at = session.connection().execute(text("SELECT now() + '2 hours'")).scalar_one()
        third = request(session, ENABLE, planned, ENABLE.form(), SUPPORT, JobOptions(run_at=at)).id
    first = driving.ask(team.engine, ENABLE, asked, {"preset": "nano"})
    team.clock.step(BACK)
    team.sweeper.once()
    with Session(team.engine) as session:
        now = session.connection().execute(text("SELECT now()")).scalar_one()
        waits = {job.id: job.run_at - now for job in session.exec(select(BackgroundJob))}
    assert waits[first] <= timedelta()
    assert timedelta() < waits[second] < timedelta(minutes=1)
    assert waits[third] > timedelta(hours=2), "a time of day stays"


def test_a_sweeper_brings_jobs_forward_when_the_clock_was_put_back_before_its_start(team: Team) -> None:
    job = driving.ask(team.engine, ENABLE, driving.prepare(team.engine, ENABLE), {"preset": "nano"})
    team.clock.step(BACK)
    assert driving.take(team.engine) is None
    team.a_sweeper().once()
    assert driving.must_take(team.engine).id == job


def test_a_job_that_ends_before_it_began_breaks_no_rule_and_counts_no_negative_time(team: Team) -> None:
    driving.ask(team.engine, ENABLE, driving.prepare(team.engine, ENABLE), {"preset": "nano"})
    held = driving.must_take(team.engine)
    team.clock.step(BACK)
    assert driving.work_on(team.engine, held) is AttemptOutcome.SUCCEEDED
    with Session(team.engine) as session:
        assert list(violations(session)) == []
        assert session.connection().execute(text("SELECT sum(ran_seconds) FROM job_counters")).scalar_one() == 0


def test_a_rate_does_not_wait_for_a_clock_that_was_put_back(team: Team) -> None:
    driving.ask(team.engine, ENABLE, driving.prepare(team.engine, ENABLE), {"preset": "nano"})
    with session_scope(team.engine) as session:
        session.connection().execute(
            text("""INSERT INTO job_kinds (kind, rate_count, rate_seconds, rate_left, rate_at)
                    VALUES ('demo.enable', 1, 60, 0, statement_timestamp())""")
        )
        assert not may_start(session, ENABLE.name, DEAD)
    team.clock.step(BACK)
    team.sweeper.once()
    assert driving.must_take(team.engine).kind == ENABLE.name


def test_pages_without_a_broker_see_changes_after_the_clock_was_put_back(team: Team) -> None:
    with Session(team.engine) as session:
        _, mark = changed_since(session, None)
    team.clock.step(BACK)
    with Session(team.engine) as session:
        assert changed_since(session, mark)[0].everything


def test_a_worker_that_was_lost_before_a_heartbeat_arrived_is_not_marked(team: Team) -> None:
    job = team.job_of_a_worker(alive=False)
    team.wait(25)
    with session_scope(team.engine) as session:
        session.connection().execute(text("UPDATE workers SET heartbeat_at = statement_timestamp()"))
    team.wait(10)
    assert team.outcomes(job) == ["running"]
    with Session(team.engine) as session:
        assert session.exec(select(Worker.lost_at)).one() is None
    assert driving.job_row(team.engine, job).status is JobStatus.RUNNING
