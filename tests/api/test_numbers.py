"""Infinity and NaN, which JSON does not have but Python's parser reads, are refused at every door."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import typer
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import Engine
from typer.testing import CliRunner

from core.errors import Refused
from core.models import Role, User
from core.operation import Form
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]
NUMBERS = ("Infinity", "-Infinity", "NaN", "1e999")
SCHEDULE = '{{"name": "n", "kind": "maintenance.delete_old_jobs", "cron": "0 3 * * *", "args": {}}}'


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("args", ['{{"days": {}}}', '{{"kind": [{{"deep": {}}}]}}'])
def test_a_schedule_s_arguments_cannot_hold_a_number_that_json_has_not(
    signed_in: SignIn, args: str, number: str
) -> None:
    client, _ = signed_in(Role.ADMIN)
    answer = client.post(
        "/api/schedules",
        content=SCHEDULE.format(args.format(number)),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert "Infinity and NaN are no numbers in JSON" in answer.text


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/kinds/limits", '{{"name": "demo.enable", "max_running": {}}}'),
        ("/api/users/{user}/operations/demo.enable", '{{"preset": {}}}'),
        ("/api/users/{user}/operations/demo.enable", '{{"preset": "nano", "run_at": {}}}'),
        ("/api/me/tokens", '{{"name": "n", "days": {}}}'),
    ],
)
def test_no_body_may_hold_a_number_that_json_has_not(signed_in: SignIn, path: str, body: str, number: str) -> None:
    client, user = signed_in(Role.ADMIN)
    content, headers = body.format(number), {"content-type": "application/json"}
    answer = client.post(path.format(user=user.id), content=content, headers=headers)
    assert answer.status_code == 422, answer.text


class Rate(Form):
    """A form with a number, such as a future operation may have."""

    rate: float = 1.0


@pytest.mark.parametrize("number", ["Infinity", "-inf", "nan", float("inf"), float("nan")])
def test_a_form_s_number_is_finite_also_as_text_from_a_command_line(number: object) -> None:
    with pytest.raises(ValidationError):
        Rate(rate=number)


def test_the_verb_do_refuses_infinity_in_one_sentence(engine: Engine) -> None:
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    result = CliRunner().invoke(program, ["do", "maintenance.delete_old_jobs", "--days", "Infinity"])
    assert isinstance(result.exception, Refused)
    assert "days" in str(result.exception)
