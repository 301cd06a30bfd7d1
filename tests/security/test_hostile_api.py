"""The API against a machine that tries everything: all answers are documented ones, none is a failure of ours."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from core.models import Role
from tests.security.conftest import COOKIE, Site

#: Examples for each operation and mode, in `make test` and where there is time.
FEW, MANY = 15, 400
#: What a schema allows may still not fit: a cron without an hour, a password that is too short.
NOT_PROMISED = ("positive_data_acceptance",)
ROUNDS = [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def operations(site: Site) -> list[object]:
    schema = schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")
    # The export is a file, of the type that was asked for; tests/audit reads it.
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("examples", ROUNDS)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_answer_is_a_documented_one(
    site: Site, operations: list[object], mode: GenerationMode, examples: int
) -> None:
    wrong = [told for operation in operations for told in tried(site, operation, mode, examples)]
    assert not wrong, "\n\n".join(wrong)
    assert "unexpected error" not in site.log()


def tried(site: Site, operation: object, mode: GenerationMode, examples: int) -> Iterator[str]:
    """Send one operation what it asks for, or what it does not; yield what it should not have answered."""
    cookies = {COOKIE: site.token(Role.ADMIN)}

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: object) -> None:
        answer = case.call(cookies=cookies)
        case.validate_response(answer, excluded_checks=[CHECKS.get_one(name) for name in NOT_PROMISED])
        assert "Traceback" not in answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0] == "application/problem+json", answer.headers

    try:
        attempt()
    except Unsatisfiable:
        return  # it takes nothing, so nothing can be wrong with it
    except (BaseExceptionGroup, AssertionError) as error:
        yield f"{operation.label} ({mode.value}): {str(error)[:1500]}"
