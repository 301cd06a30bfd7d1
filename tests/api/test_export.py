"""Jobs as a file: all of a filter, however many, as CSV and as JSON lines; nothing in it runs in a spreadsheet."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session
from typer.testing import CliRunner

from core.errors import NotSignedIn
from core.export import BOM, Format, written
from core.job_list import queries
from core.models import Role, User
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]
#: More than two windows, with a formula in the error of each failed one.
JOBS, FAILED = 2 * queries.MOST + 7, 5
FORMULA = '=HYPERLINK("http://x", "é, z")'
FILL = """
    INSERT INTO background_jobs (id, kind, queue, status, finished_at, error_type, error_message)
    SELECT gen_random_uuid(), 'maintenance.expire_sessions', 'export',
           CASE WHEN i <= :failed THEN 'failed' ELSE 'succeeded' END, now(),
           CASE WHEN i <= :failed THEN 'GiveUp' END, CASE WHEN i <= :failed THEN :error END
    FROM generate_series(1, :jobs) i
"""


@pytest.fixture
def viewer(engine: Engine, signed_in: SignIn) -> TestClient:
    with engine.begin() as connection:
        connection.execute(text(FILL), {"jobs": JOBS, "failed": FAILED, "error": FORMULA})
    return signed_in(Role.VIEWER)[0]


def ids(engine: Engine, where: str = "true") -> set[str]:
    with Session(engine) as session:
        query = f"SELECT CAST(id AS text) FROM background_jobs WHERE queue = 'export' AND {where}"
        return set(session.connection().execute(text(query)).scalars())


def as_rows(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.removeprefix(BOM), newline="")))


def test_a_file_has_every_job_of_its_filter_once(engine: Engine, viewer: TestClient) -> None:
    answer = viewer.get("/api/jobs/export", params={"queue": "export"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="jobs-' in answer.headers["content-disposition"]
    rows = as_rows(answer.text)
    assert (len(rows), {row["id"] for row in rows}) == (JOBS, ids(engine))
    assert tuple(rows[0]) == queries.EXPORTED
    lines = viewer.get("/api/jobs/export", params={"queue": "export", "format": "jsonl"}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]
    oldest = viewer.get("/api/jobs/export", params={"queue": "export", "sort": "created_at"})
    assert [row["id"] for row in as_rows(oldest.text)] == [row["id"] for row in rows][::-1]


def test_text_that_a_spreadsheet_would_run_is_text(engine: Engine, viewer: TestClient) -> None:
    rows = as_rows(viewer.get("/api/jobs/export", params={"queue": "export", "status": "failed"}).text)
    assert {row["id"] for row in rows} == ids(engine, "status = 'failed'")
    assert {row["error"] for row in rows} == {"'" + FORMULA}
    lines = viewer.get("/api/jobs/export", params={"queue": "export", "status": "failed", "format": "jsonl"}).text
    assert json.loads(lines.splitlines()[0])["error"] == FORMULA, "scripts get it as it is"


@pytest.mark.parametrize("params", [{"status": "wrong"}, {"format": "xml"}, {"sort": "kind"}, {"nonsense": "1"}])
def test_what_cannot_be_read_is_refused_before_a_file_begins(viewer: TestClient, params: dict[str, str]) -> None:
    answer = viewer.get("/api/jobs/export", params=params)
    assert answer.status_code == 422
    assert "content-disposition" not in answer.headers


def test_members_get_no_file(signed_in: SignIn) -> None:
    assert signed_in(Role.MEMBER)[0].get("/api/jobs/export").status_code == 403


def test_an_empty_list_is_a_file_with_a_header(viewer: TestClient) -> None:
    assert as_rows(viewer.get("/api/jobs/export", params={"queue": "nowhere"}).text) == []
    assert viewer.get("/api/jobs/export", params={"queue": "nowhere", "format": "jsonl"}).text == ""


@pytest.mark.parametrize("to", Format)
def test_a_file_that_is_not_complete_says_so_at_its_end(to: Format) -> None:
    def windows() -> Iterator[list[dict[str, object]]]:
        yield [dict.fromkeys(queries.EXPORTED, "x")]
        raise NotSignedIn("You are not signed in.")

    lines = "".join(written(queries.EXPORTED, windows(), to)).splitlines()
    assert "This file is not complete. You are not signed in." in lines[-1]
    assert len(lines) == {Format.CSV: 3, Format.JSONL: 2}[to]


def test_the_command_line_writes_the_same_file(engine: Engine, viewer: TestClient) -> None:
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    words = ["jobs", "export", "--queue", "export", "--status", "failed", "--format", "jsonl"]
    said = CliRunner().invoke(program, words, catch_exceptions=False)
    params = {"queue": "export", "status": "failed", "format": "jsonl"}
    assert said.stdout == viewer.get("/api/jobs/export", params=params).text
    wrong = CliRunner().invoke(program, ["jobs", "export", "--status", "wrong"])
    assert (wrong.exit_code, wrong.stdout) != (0, "")
