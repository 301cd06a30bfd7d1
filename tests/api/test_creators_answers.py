"""What creators get from the API about themselves: figures that are theirs, and nothing of the operators'."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope, snapshot_scope
from core.errors import GiveUp, JobError, TryAgain
from core.jobs import finish
from core.jobs.failure import failure_of
from core.models import BackgroundJob, DemoModeStatus, Role, User
from core.operations import demo
from tests.driving import ask, must_take, run_next
from ui.pages.dashboard import Side, _read

SignIn = Callable[[Role], tuple[TestClient, User]]
ADVICE = "The demo service at http://10.0.0.5:9000 did not answer. Check DEMO_SERVICE_URL, then retry."


@pytest.mark.parametrize("error", [TryAgain, GiveUp, JobError, RuntimeError])
def test_addresses_and_advice_of_operators_never_reach_the_owner(
    engine: Engine, signed_in: SignIn, error: type[Exception]
) -> None:
    client, user = signed_in(Role.MEMBER)
    job_id = ask(engine, demo.enable, user.id, {"preset": "nano"})
    held = must_take(engine)
    with session_scope(engine) as session:
        job = session.get_one(BackgroundJob, job_id)
        job.attempt = job.max_attempts
        finish.fail(session, job, failure_of(error(ADVICE)))
    own = client.get("/api/demo/status").json()
    detail = client.get(f"/api/jobs/{held.id}").json()
    assert own["error"] == detail["error"] == detail["error_message"] != ""
    for leak in ("10.0.0.5", "DEMO_SERVICE_URL", "Check"):
        assert leak not in f"{own} {detail}"
    assert (detail["worker"], detail["worker_id"], detail["reason"]) == (None, None, None)
    operator, _ = signed_in(Role.VIEWER)
    assert operator.get(f"/api/jobs/{held.id}").json()["error_message"] == ADVICE


def test_generated_figures_and_the_persons_own_are_never_added_together(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.MEMBER)
    ask(engine, demo.enable, user.id, {"preset": "nano"})
    run_next(engine)
    figures = client.get("/api/dashboard").json()
    assert (figures["demo"]["total"], figures["mine"]["total"]) == (60, 3)
    assert sum(figures["mine"]["by_day"].values()) == 3


@pytest.mark.parametrize("state", DemoModeStatus)
def test_the_dashboard_counts_generated_interactions_only_while_they_are_complete(
    engine: Engine, session: Session, signed_in: SignIn, state: DemoModeStatus
) -> None:
    _, user = signed_in(Role.MEMBER)
    ask(engine, demo.enable, user.id, {"preset": "nano"})
    run_next(engine)
    session.get_one(User, user.id).demo_mode_status = state
    session.commit()
    with snapshot_scope(engine) as reading:
        view = _read(reading, user.id, None)
    assert view.has_rows
    assert view.figures is not None
    expected = {Side.DEMO: 60, Side.MINE: 3} if state is DemoModeStatus.ENABLED else {Side.MINE: 3}
    assert {side: metrics.total for side, metrics in view.figures.items()} == expected


def test_a_diagnosis_counts_progress_as_the_owners_page_does(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.SUPPORT)
    ask(engine, demo.enable, user.id)
    held = must_take(engine)
    with session_scope(engine) as session:
        job = session.get_one(BackgroundJob, held.id)
        job.progress_done, job.progress_total = 606, 2003  # with three connections
        job.progress_message = "603 of 2,000 interactions"
    sentence = client.get(f"/api/users/{user.id}/diagnosis").json()["sentence"]
    assert "603 of 2,000 interactions" in sentence
    assert "2,003" not in sentence
