"""What the demo service answers now, beside its failure: true, asked rarely, within two seconds, without a secret."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from uuid import UUID

import pytest
import typer
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.testclient import TestClient
from typer.testing import CliRunner

from core import outside
from core.diagnosis.answer import Diagnosis
from core.diagnosis.customer import demo_state, owner_after_check
from core.diagnosis.service_check import ServiceCheck, after_check, check_service
from core.diagnosis.user import diagnose_user, explain_job
from core.errors import GiveUp, JobError, TryAgain
from core.jobs.failure import failure_of
from core.jobs.finish import fail_or_retry
from core.models import BackgroundJob, Role, User
from core.operations import BY_NAME, OPERATIONS, SERVICES, demo
from core.operations.demo import demo_service
from core.settings import settings
from tests import driving
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - fixtures
from tests.demo.fake_service import Answer, FakeService, ask, body, status, well
from tests.demo.test_demo_remote import drip, drip_headers, hang_up, silent
from ui import cli, service_checks
from ui.cli.doctor import examine_all

SignIn = Callable[[Role], tuple[TestClient, User]]
Point = Callable[[str], None]
NAME = demo_service.name


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Point]:
    """Return a function that makes a URL the demo service's."""

    def point(url: str) -> None:
        monkeypatch.setenv("DEMO_SERVICE_URL", url)
        settings.cache_clear()

    yield point
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(autouse=True)
def _no_questions() -> Iterator[None]:
    """Leave no question that hangs, and no answer, to the next test."""
    service_checks.service_checks._last.clear()
    yield
    for question in outside._questions.values():
        question.exception(5)
    outside._questions.clear()
    service_checks.service_checks._last.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a fifth of a second instead of two."""
    for module in ("core.outside", "core.demo.source"):
        monkeypatch.setattr(f"{module}.PROBE_SECONDS", 0.2)


def unreachable() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


FAULTS = {
    "well": (well, ""),
    "503": (status(503), "answers 503"),
    "401": (status(401), "answers 401"),
    "redirects": (status(302, Location="http://127.0.0.1:9/"), "answers 302"),
    "garbage": (body(b"<html>"), "sends an invalid response"),
    "hangs up": (hang_up, "closes the connection early"),
}
SLOW = "answers slowly or not at all (no answer within 0.2 s)"
HANGS = {"silent": silent, "drips": drip, "drips headers": drip_headers}


@pytest.mark.parametrize("case", FAULTS)
def test_what_the_service_does_now_is_said_in_words(case: str, at: Point) -> None:
    answer, fault = FAULTS[case]
    with FakeService(answer) as service:
        at(service.url)
        check = check_service(NAME)
    assert check is not None
    assert check.fault == fault
    assert check.sentence == f"The demo service {fault or 'answers a first request now'} (checked just now)."
    assert check.is_down is bool(fault)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("case", HANGS)
def test_a_service_that_hangs_is_waited_for_no_longer_than_people_wait(case: str, at: Point) -> None:
    with FakeService(HANGS[case]) as service:
        at(service.url)
        check = check_service(NAME)
    assert check is not None
    assert check.fault == SLOW
    assert not check.is_down, "it may be at work: its own limit is longer"


def test_a_service_that_is_not_there_cannot_be_reached(at: Point) -> None:
    at(unreachable())
    check = check_service(NAME)
    assert check is not None
    assert check.fault == "cannot be reached"


def test_without_an_outside_service_there_is_nothing_to_ask() -> None:
    assert settings().demo_service_url is None
    assert check_service(NAME) is None
    assert check_service("") is None


def test_a_question_that_cannot_be_asked_breaks_no_page() -> None:
    broken = outside.OutsideService("The mail", lambda: str(1 // 0))
    assert outside.ask_now(broken) == "cannot be asked (ZeroDivisionError)"


@pytest.mark.usefixtures("impatient")
def test_a_question_that_hangs_is_not_asked_again_until_it_ends(at: Point) -> None:
    with FakeService(drip_headers) as service:
        at(service.url)
        checks = [check_service(NAME) for _ in range(3)]
        assert [check and check.fault for check in checks] == [SLOW] * 3
        assert len(service.seen) == 1


def test_the_question_names_no_one_and_its_password_is_sent_to_the_service_alone(
    at: Point, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeService(status(503)) as service:
        at(f"http://ann:s3cret@{service.netloc}/demo")
        check = check_service(NAME)
    [(path, query, headers)] = service.seen
    assert (path, query["preset"], query["seed"], query["limit"]) == ("/demo/interactions", "nano", "probe", "5")
    assert headers["Idempotency-Key"] == "probe:0"
    assert headers["Authorization"].startswith("Basic ")
    assert check is not None
    for secret in ("s3cret", "ann:", headers["Authorization"].split()[1], "secret internals"):
        assert secret not in check.sentence + caplog.text


def test_every_viewer_of_a_console_shares_one_question(at: Point, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = service_checks.ServiceChecks()

    async def look(viewers: int) -> list[ServiceCheck | None]:
        return await asyncio.gather(*(checks.now(NAME) for _ in range(viewers)))

    def looked(viewers: int) -> set[str]:
        with ThreadPoolExecutor(1) as thread:
            return {check.fault for check in thread.submit(asyncio.run, look(viewers)).result() if check}

    with FakeService(status(503), well) as service:
        at(service.url)
        assert looked(10) == {"answers 503"}
        assert looked(10) == {"answers 503"}
        assert len(service.seen) == 1
        monkeypatch.setattr(service_checks, "FRESH", 0.0)
        assert looked(1) == {""}
        assert len(service.seen) == 2


def fail(
    engine: Engine, error: JobError, attempts: int = 3, user_id: UUID | None = None
) -> tuple[Session, BackgroundJob]:
    """Let attempts of a user's job end with an error; of a new one's, if none is given."""
    user_id = user_id or driving.prepare(engine, demo.enable)
    job_id = driving.ask(engine, demo.enable, user_id, {"preset": "nano"})
    session = Session(engine, expire_on_commit=False)
    for _ in range(attempts):
        driving.make_due(engine)
        held = driving.must_take(engine)
        fail_or_retry(session, session.get_one(BackgroundJob, held.id), failure_of(error))
        session.commit()
        session.expire_all()
    return session, session.get_one(BackgroundJob, job_id)


CAUSES = {
    "it failed": (TryAgain(f"{NAME} at http://x answered with an error (503)."), 3, NAME),
    "it pauses": (TryAgain(f"{NAME} at http://x answered with an error (503)."), 1, NAME),
    "no other attempt helps until it is mended": (GiveUp(f"{NAME} at http://x refused the request (400)."), 1, NAME),
    "another setting is wrong": (GiveUp("DEMO_SERVICE_URL is invalid."), 1, ""),
    "something else failed": (TryAgain("The database is full."), 3, ""),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_diagnosis_names_the_service_whose_failure_it_is_about(engine: Engine, cause: str) -> None:
    error, attempts, name = CAUSES[cause]
    session, job = fail(engine, error, attempts)
    with session:
        assert diagnose_user(session, session.get_one(User, job.user_id)).service == name
        assert explain_job(session, job.id).service == name


def test_an_operation_declares_its_service_once_and_its_errors_begin_with_the_name() -> None:
    assert {each.name for each in OPERATIONS if each.outside} == {"demo.enable", "demo.switch"}
    assert dict(SERVICES) == {demo_service.name: demo_service}
    assert BY_NAME["demo.enable"].outside is BY_NAME["demo.switch"].outside  # type: ignore[union-attr]
    with FakeService(status(503)) as service, pytest.raises(TryAgain) as caught:
        ask(service.url)
    assert str(caught.value).startswith(NAME)


def test_the_command_line_asks_once_and_doctor_reports_it(engine: Engine, at: Point) -> None:
    session, job = fail(engine, TryAgain(f"{NAME} at http://x answered with an error (503)."))
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    with session, FakeService(status(503)) as service:
        at(service.url)
        said = CliRunner().invoke(program, ["jobs", "explain", str(job.id)], catch_exceptions=False).output
        assert "  The demo service answers 503 (checked just now)." in said.splitlines()
        assert len(service.seen) == 1
        finding = next(each for each in examine_all(engine) if each.problem == "outside service")
        assert finding.says == "The demo service answers 503"
        service.answers[:] = [well]
        assert "outside service" not in {each.problem for each in examine_all(engine)}


@pytest.mark.usefixtures("impatient")
def test_a_slow_service_is_a_note_of_doctor_and_no_failure(engine: Engine, at: Point) -> None:
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    with FakeService(silent) as service:
        at(service.url)
        result = CliRunner().invoke(program, ["doctor"])
    assert f"outside service: The demo service {SLOW}." in result.output.splitlines()
    assert result.exit_code == 0, result.output


DOWN, SLOWLY, WELL = ServiceCheck(NAME, "answers 503"), ServiceCheck(NAME, SLOW, is_slow=True), ServiceCheck(NAME, "")
BUSY = TryAgain(f"{NAME} at http://x answered with an error (503).")
GARBAGE = GiveUp(f"{NAME} at http://x sent an invalid response (totals: missing).")


def offers(diagnosis: Diagnosis) -> tuple[str, list[str]]:
    return diagnosis.remedy.label if diagnosis.remedy else "", [each.label for each in diagnosis.others]


def test_what_the_service_refuses_now_is_not_recommended_until_it_answers(engine: Engine) -> None:
    for attempts, label, others in ((3, "Retry", []), (1, "Start now", ["Cancel"])):
        session, job = fail(engine, BUSY, attempts)
        with session:
            diagnosis = explain_job(session, job.id)
        for check in (None, SLOWLY, WELL):
            assert offers(after_check(diagnosis, check)) == (label, others)
        down = after_check(diagnosis, DOWN)
        assert offers(down) == ("", [label, *others])
        assert down.others[0].effect.startswith("The demo service answers 503 now. ")


def test_before_the_last_attempt_waiting_is_what_helps(engine: Engine) -> None:
    session, job = fail(engine, BUSY, 2)
    with session:
        diagnosis = explain_job(session, job.id)
    assert "number 3 of 3" in diagnosis.sentence
    for check in (None, DOWN, WELL):
        assert offers(after_check(diagnosis, check)) == ("", ["Start now", "Cancel"])
    assert "It is the last one" in diagnosis.others[0].effect


def test_a_failure_that_no_attempt_helps_is_retried_once_the_service_is_mended(engine: Engine) -> None:
    session, job = fail(engine, GARBAGE, 1)
    with session:
        broken, owner = explain_job(session, job.id), demo_state(session, job.user_id)
    for check in (None, DOWN, SLOWLY):
        assert offers(after_check(broken, check)) == ("Dismiss", [])
        assert not owner_after_check(owner, check).can_retry
    assert "Doing it again ends the same way until the service is mended: it needs an admin." in broken.evidence
    assert "trying again does not help before" in broken.customer
    mended, able = after_check(broken, WELL), owner_after_check(owner, WELL)
    assert offers(mended) == ("Retry", ["Dismiss"])
    assert "ends the same way until" not in " ".join(mended.evidence)
    assert mended.for_admins == broken.for_admins
    assert able.can_retry
    assert "Please try again" in str(able.error)
    assert "does not help" not in str(able.error) + able.sentence
    assert str(job.id)[:13] in str(able.error)


def test_the_command_line_offers_retry_where_the_service_is_mended(engine: Engine, at: Point) -> None:
    session, job = fail(engine, GARBAGE, 1)
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    with session, FakeService(well) as service:
        at(service.url)
        said = CliRunner().invoke(program, ["jobs", "explain", str(job.id)], catch_exceptions=False).output
        assert "Remedy: Retry. " in said
        said = CliRunner().invoke(program, ["jobs", "explain", str(job.id), "--json"], catch_exceptions=False).output
        assert json.loads(said)["remedy"]["command"] == "job.retry"
        service.answers[:] = [status(503)]
        said = CliRunner().invoke(program, ["jobs", "explain", str(job.id)], catch_exceptions=False).output
        assert "Retry" not in said


def test_the_owners_api_says_what_their_page_says(engine: Engine, at: Point, signed_in: SignIn) -> None:  # noqa: F811
    member, user = signed_in(Role.MEMBER)
    session, job = fail(engine, GARBAGE, 1, user.id)
    session.close()

    def read() -> set[str]:
        status, own = member.get("/api/demo/status").json(), member.get(f"/api/jobs/{job.id}").json()
        return {status["sentence"], status["error"], own["error"], own["error_message"]}

    with FakeService(well) as service:
        at(service.url)
        [mended] = read()
        assert "Please try again" in mended
        assert len(service.seen) == 1, "all answers within five seconds share a question"
        service.answers[:] = [status(503)]
        service_checks.service_checks._last.clear()
        [broken] = read()
        assert "trying again does not help before" in broken


@pytest.mark.parametrize(("error", "answer", "remedy"), [(GARBAGE, well, "job.retry"), (BUSY, status(503), None)])
def test_the_api_recommends_what_the_page_and_the_command_line_recommend(
    engine: Engine,
    at: Point,
    signed_in: SignIn,  # noqa: F811
    error: JobError,
    answer: Answer,
    remedy: str | None,
) -> None:
    support, _ = signed_in(Role.SUPPORT)
    session, job = fail(engine, error, 1 if error is GARBAGE else 3)
    session.close()
    with FakeService(answer) as service:
        at(service.url)
        answers = [support.get(f"/api/users/{job.user_id}/diagnosis"), support.get(f"/api/jobs/{job.id}/explain")]
        diagnoses = [each.json() for each in answers] + [support.get(f"/api/users/{job.user_id}").json()["diagnosis"]]
    assert [each["remedy"] and each["remedy"]["command"] for each in diagnoses] == [remedy] * 3
