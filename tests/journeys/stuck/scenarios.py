"""The scenarios in which a user is stuck: what is wrong, what both voices say, and the way out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.errors import GiveUp, TryAgain
from core.operations import demo
from tests.journeys.stuck.stage import Moves, Stage

HOST: Final = "http://10.0.0.3:9000"


@dataclass(frozen=True)
class Scenario:
    """One way of being stuck; texts are parts of sentences."""

    prepare: Moves
    #: The cause, in the operator's sentence; and what the customer reads.
    cause: str
    customer: str
    #: The labels of the buttons that support presses, one after the other.
    presses: tuple[str, ...] = ()
    #: What the world does afterwards.
    then: Moves = Stage.work
    ends: str = "enabled"
    #: What would be untrue of it, in either voice.
    untrue: tuple[str, ...] = ()


def killed(stage: Stage, *, another: bool) -> None:
    stage.die_at_work()
    stage.silence(seconds=33) if another else stage.silence(minutes=6)
    if another:
        stage.new_worker()


def frozen(stage: Stage) -> None:
    stage.die_at_work()
    stage.silence(seconds=21)
    stage.new_worker()


def paused(stage: Stage) -> None:
    stage.new_worker()
    stage.ask()
    stage.pause()


def limited(stage: Stage) -> None:
    stage.new_worker()
    stage.ask()
    stage.forbid()


def service(error: Exception, attempts: int = 3) -> Moves:
    def prepare(stage: Stage) -> None:
        stage.ask()
        stage.fail(error, attempts)
        stage.new_worker()

    return prepare


def ended_by_hand(stage: Stage) -> None:
    stage.die_at_work()
    stage.sql("UPDATE background_jobs SET status = 'cancelled'")


def without_a_job(stage: Stage) -> None:
    stage.new_user()
    stage.sql("UPDATE users SET demo_mode_status = 'enabling' WHERE id = :id", id=stage.user)


def planned(stage: Stage) -> None:
    stage.new_worker()
    stage.ask(run_in=timedelta(days=3))


def deleted_by_hand(stage: Stage) -> None:
    stage.enabled()
    stage.sql("DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE is_demo LIMIT 40)")


def poison(stage: Stage) -> None:
    stage.die_at_work()
    stage.sql("UPDATE background_jobs SET max_attempts = 2")
    stage.sweep()
    for _ in range(2):
        stage.die_before_work()
    stage.new_worker()


def cancel_asked_without_a_worker(stage: Stage) -> None:
    stage.die_at_work()
    stage.silence(minutes=6)
    stage.sql("UPDATE background_jobs SET cancel_requested_at = now()")


def wiped_broker(stage: Stage) -> None:
    stage.ask()
    first = stage.user, stage.job
    for _ in range(49):
        stage.new_user()
        stage.ask()
    stage.user, stage.job = first
    stage.sql("UPDATE background_jobs SET run_at = now() - interval '2 minutes' WHERE id = :id", id=stage.job)
    stage.new_worker()


def half_deleted(stage: Stage) -> None:
    stage.enabled()
    stage.die_at_work(demo.disable)
    stage.silence(minutes=6)


_NO_ANSWER: Final = TryAgain(f"The demo service at {HOST} did not answer: no connection. Check that it is running.")

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "worker killed, with another": Scenario(
        lambda stage: killed(stage, another=True), "has lost its worker; another one takes over", "it goes on by itself"
    ),
    "worker killed, without another": Scenario(
        lambda stage: killed(stage, another=False),
        "has lost its worker, and no other worker is alive",
        "because of a fault on our side",
        ("Cancel",),
        ends="disabled",
        untrue=("takes over", "by itself"),
    ),
    # The figure grows while the pages are opened: twenty-odd seconds.
    "worker frozen": Scenario(frozen, "silent for 2", "no sign of life for 2"),
    "no worker for the queue": Scenario(
        Stage.ask, "no worker is alive for the queue demo", "cannot start", ("Cancel",), ends="disabled"
    ),
    "queue paused": Scenario(
        paused, "paused by", "paused this for now", ("Cancel",), ends="disabled", untrue=("any moment",)
    ),
    "kind limited to 0": Scenario(limited, "its limit is 0", "paused this for now", ("Cancel",), ends="disabled"),
    "service refused": Scenario(service(_NO_ANSWER), "did not answer", "did not answer", ("Retry",)),
    "service answers 500": Scenario(
        service(TryAgain(f"The demo service at {HOST} answered with an error (500).")),
        "answered with an error (500)",
        "try again in a few minutes",
        ("Retry",),
    ),
    "service hangs": Scenario(
        service(TryAgain(f"The demo service at {HOST} did not answer within 5 s.")),
        "did not answer within 5 s",
        "try again in a few minutes",
        ("Retry",),
    ),
    "service sends garbage": Scenario(
        service(GiveUp(f"The demo service at {HOST} sent an invalid response (totals: missing)."), 1),
        "sent an invalid response",
        "trying again does not help",
        ("Dismiss",),
        ends="disabled",
        untrue=("Please try again",),
    ),
    "backoff": Scenario(
        service(_NO_ANSWER, 1), "number 2 of 3 starts in", "The next one, number 2 of 3", ("Start now",)
    ),
    "job cancelled by hand": Scenario(
        ended_by_hand, "no job is at work on it", "Our support can mend it", ("Repair",), ends="disabled"
    ),
    "job cancelled by hand, and wanted again": Scenario(
        ended_by_hand,
        "no job is at work on it",
        "Our support can mend it",
        ("Repair and start again as Nano Creator",),
    ),
    "transitional without a job": Scenario(
        without_a_job, "no job is at work on it", "Our support can mend it", ("Repair", "Dismiss"), ends="disabled"
    ),
    "planned far ahead": Scenario(planned, "scheduled: it starts in", "planned to start", ("Start now",)),
    "enabled with data deleted by hand": Scenario(
        deleted_by_hand, "interactions are there", "interactions are there", ("Fill again",)
    ),
    "poison job": Scenario(
        poison,
        "probably kills the worker",
        "trying again does not help",
        ("Dismiss",),
        ends="disabled",
        untrue=("Please try again",),
    ),
    "cancel asked with no worker": Scenario(
        cancel_asked_without_a_worker,
        "was asked to stop",
        "asked to stop",
        ends="disabled",
        untrue=("goes on", "continues as soon"),
    ),
    "worker killed while it deletes": Scenario(
        half_deleted,
        "no other worker is alive",
        "because of a fault on our side",
        ("Delete the rest now",),
        ends="disabled",
        untrue=("back where",),
    ),
    "broker wiped with 50 queued": Scenario(wiped_broker, "the next sweep starts it", "is next"),
}
