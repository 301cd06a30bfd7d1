"""The API against a machine that tries everything: all answers are documented ones, none is a failure of ours."""

from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from core.models import Role
from core.operation import Operation
from core.operations import OPERATIONS, TASKS, operations_on
from core.operations.demo import demo_mode
from tests.security.conftest import COOKIE, Site


def noun_of(operation: Operation) -> str:
    return "users" if operation.machine is demo_mode else "connections"


#: Examples for each operation and mode.
EXAMPLES = 30
RUN_AT = "run_at lies between now and a year ahead, and no schema can say so"
#: Input that their schemas allow may still be refused; every other operation takes all that its schema allows.
NOT_PROMISED = {
    "GET /api/jobs": "`after` is a cursor that the list itself gave",
    "GET /api/jobs/between": "both ends are asked for when it is known who asks",
    "GET /api/users": "`because` needs the situation that it is the reason of",
    "GET /api/analytics": "a time zone that there is, and times in their order",
    "POST /api/views": "a filter that is one, and a name that can be read",
    "POST /api/me/columns": "each column once",
    "POST /api/me/password": "what is guessed first is no question of its form",
    "POST /api/me/tokens": "no two of a name, and no more than twenty",
    "POST /api/schedules": "a cron that comes due, a zone that there is, arguments that fit the kind",
    "POST /api/schedules/{schedule_id}/edit": "as a new schedule, and something that changes",
    "GET /api/schedules/{schedule_id}/backfill": "a past time, and a schedule with ticks in it",
    "POST /api/schedules/{schedule_id}/backfill": "a past time, and a schedule with ticks in it",
    "POST /api/connections": "a platform that there is, and a connection of one's own",
    "POST /api/connections/{target}/operations/connection.connect": "it says where the owner consents instead",
    "DELETE /api/users/{user_id}/factor": "the reason is asked for when it is known who asks",
    "POST /api/bulk": "a command that there is, either a filter or ids, and something that matches",
    "POST /api/jobs/{job_id}/reschedule": "its time lies between now and a year ahead, and no schema can say so",
    "POST /api/operators": "an address that mail can reach, and a reason",
    "POST /api/operators/{user_id}/role": "the reason is asked for when it is known who asks",
    **{f"POST /api/{noun_of(operation)}/{{target}}/operations/{operation.name}": RUN_AT for operation in OPERATIONS},
    **{f"POST /api/jobs/start/{task.name}": f"{RUN_AT}; a task may need a reason" for task in TASKS},
    **{f"POST /api/demo/{operation.name.removeprefix('demo.')}": RUN_AT for operation in operations_on(demo_mode)},
}
#: Documented operations that need no session.
OPEN = {"GET /healthz", "GET /readyz", "POST /api/auth/login"}


@pytest.fixture(scope="module")
def schema(site: Site) -> object:
    described = schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")
    # Ours are the only valid credentials: with made-up ones, most requests would be refused at once.
    # Text that cannot be stored at all (NUL) is in test_hostile_requests.py.
    described.config.generation.update(with_security_parameters=False, allow_x00=False)
    return described


@pytest.fixture(scope="module")
def operations(schema: object) -> list[object]:
    # The export is a file, of the requested type; tests/audit reads it.
    return [result.ok() for result in schema.get_all_operations()]


#: Headers with which a request ends before it reaches the API, with an answer of the connection (test_connections.py).
OF_THE_CONNECTION = {"transfer-encoding", "content-length", "connection", "upgrade", "expect"}


def test_the_documentation_says_what_needs_a_session_or_a_token(schema: object, operations: list[object]) -> None:
    assert {scheme["type"] for scheme in schema.raw_schema["components"]["securitySchemes"].values()} == {
        "apiKey",
        "http",
    }
    assert {each.label for each in operations if not each.definition.raw.get("security")} == OPEN
    assert NOT_PROMISED.keys() <= {each.label for each in operations}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_answer_is_a_documented_one(site: Site, operations: list[object], mode: GenerationMode) -> None:
    wrong = [complaint for operation in operations for complaint in tried(site, operation, mode)]
    assert not wrong, "\n\n".join(wrong)
    assert "unexpected error" not in site.log()


def tried(site: Site, operation: object, mode: GenerationMode) -> Iterator[str]:
    """Send one operation valid or invalid input; yield each answer that is not documented."""
    cookies = {COOKIE: site.token(Role.ADMIN)}
    line = requests.Session()  # one connection for all examples
    line.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # an answer's cookie is not for the next request
    excluded = [CHECKS.get_one("positive_data_acceptance")] if operation.label in NOT_PROMISED else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: object) -> None:
        for name in OF_THE_CONNECTION & {each.lower() for each in case.headers or ()}:
            del case.headers[name]
        answer = case.call(cookies=cookies, session=line)
        case.validate_response(answer, excluded_checks=excluded)
        if answer.status_code < 300:  # repeats the request without a session and with a wrong one; once is enough
            excluded.append(CHECKS.get_one("ignored_auth"))
        assert "Traceback" not in answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0] == "application/problem+json", answer.headers

    try:
        with line:
            attempt()
    except Unsatisfiable:
        return  # it takes nothing, so nothing can be wrong with it
    except (BaseExceptionGroup, AssertionError) as error:
        yield f"{operation.label} ({mode.value}): {str(error)[:1500]}"
