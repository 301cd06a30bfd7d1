"""What customers read and quote: never an operator's address, and a number that every search finds."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session
from starlette.testclient import TestClient

from core.database.engine import session_scope
from core.diagnosis.customer import demo_state
from core.errors import GiveUp
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.jobs import finish
from core.jobs.failure import failure_of
from core.models import BackgroundJob, Role, User
from core.operations import demo
from core.people.users import find_users
from tests import driving
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - fixtures
from tests.driving import Claimed

SignIn = Callable[[Role], tuple[TestClient, User]]
SECRET = "The demo service at http://10.0.0.3:9 sent an invalid response."


def fail_for_good(engine: Engine, held: Claimed) -> None:
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(GiveUp(SECRET)))


def test_the_number_on_a_failed_page_is_found_by_every_search(engine: Engine, signed_in: SignIn) -> None:  # noqa: F811
    client, user = signed_in(Role.MEMBER)
    job = driving.ask(engine, demo.enable, user.id, {"preset": "nano"})
    fail_for_good(engine, driving.must_take(engine))
    number = str(job)[:13]
    with Session(engine) as session:
        state = demo_state(session, user.id)
        assert number in (state.error or "")
        assert not state.can_retry
        assert [line.id for line in find_users(session, number)] == [user.id]
        assert [row["id"] for row in page(session, JobFilter.from_params({"q": number})).items] == [str(job)]
        assert [row["id"] for row in page(session, JobFilter.from_params({"q": str(job)})).items] == [str(job)]
    answers: list[Any] = [client.get("/api/demo/status"), client.get(f"/api/jobs/{job}")]
    for answer in answers:
        assert answer.status_code == 200
        assert "10.0.0.3" not in answer.text
        assert number in answer.text


def test_the_last_creator_asked_for_is_kept(engine: Engine, signed_in: SignIn) -> None:  # noqa: F811
    _, user = signed_in(Role.MEMBER)
    job = driving.ask(engine, demo.enable, user.id, {"preset": "nano"})
    driving.ask_to_cancel(engine, job)
    with Session(engine) as session:
        assert demo_state(session, user.id).preset == "nano"
    driving.ask(engine, demo.enable, user.id, {"preset": "nano"})
    fail_for_good(engine, driving.must_take(engine))
    driving.ask(engine, demo.dismiss, user.id)
    driving.run_next(engine)
    with Session(engine) as session:
        assert demo_state(session, user.id).preset == "nano", "a dismiss has none, and the request before it counts"
    for operation in (demo.enable, demo.disable):
        driving.ask(engine, operation, user.id, driving.smallest_form(operation))
        driving.run_next(engine)
    with Session(engine) as session:
        assert demo_state(session, user.id).preset is None, "what was asked for has come, and gone again"
