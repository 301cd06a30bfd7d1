"""One text of the filter language finds the same jobs in the API, its files, the command line and bulk actions."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from typer.testing import CliRunner

from core.job_list import queries
from core.models import BackgroundJob, BulkRow, Role
from tests.factories import make_user
from ui import cli

TEXT = "status:failed kind:demo.* -queue:late ana@"


@pytest.fixture
def admin(signed_in: Any) -> TestClient:
    client, _ = signed_in(Role.ADMIN)
    return client


@pytest.fixture
def program(engine: Engine) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return app


@pytest.fixture
def job_id(engine: Engine) -> Iterator[str]:
    values: list[dict[str, Any]] = [
        {}, {"kind": "mail.send"}, {"queue": "late"}, {"status": "succeeded"}, {"user_id": None},
    ]  # fmt: skip
    with Session(engine) as session:
        ana = make_user(session, email="ana@example.com")
        jobs = [
            BackgroundJob(**{"kind": "demo.enable", "queue": "demo", "status": "failed", "user_id": ana.id, **each})
            for each in values
        ]
        session.add_all(jobs)
        session.commit()
        yield str(jobs[0].id)


def test_a_text_finds_the_same_jobs_wherever_it_is_written(
    admin: TestClient, program: typer.Typer, engine: Engine, job_id: str
) -> None:
    listed = admin.get("/api/jobs", params={"q": TEXT}).json()
    exported = admin.get("/api/jobs/export", params={"q": TEXT, "format": "jsonl"}).text.splitlines()
    as_parameters = admin.get("/api/jobs", params={"status": "failed", "not_queue": "late", "q": "kind:demo.* ana@"})
    said = CliRunner().invoke(program, ["jobs", "list", TEXT, "--json"], catch_exceptions=False).output
    written = CliRunner().invoke(program, ["jobs", "export", TEXT, "--format", "jsonl"], catch_exceptions=False).output
    assert [row["id"] for row in listed["items"]] == [job_id]
    assert [row["id"] for row in as_parameters.json()["items"]] == [job_id]
    assert [json.loads(line)["id"] for line in exported if '"id"' in line] == [job_id]
    assert [row["id"] for row in json.loads(said)] == [job_id]
    assert json.loads(written.splitlines()[0])["id"] == job_id
    assert admin.get("/api/jobs/facets", params={"q": TEXT}).json()["status"]["failed"]["value"] == 1

    body = {"action": "job.retry", "reason": "mended"}
    for chosen in (TEXT, {"q": TEXT}, {"status": "failed", "q": "kind:demo.* -queue:late ana@"}):
        assert rows_of(engine, admin.post("/api/bulk", json={**body, "filter": chosen}).json()["id"]) == [job_id]


def test_a_file_has_the_order_that_a_list_has(
    admin: TestClient, program: typer.Typer, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = ("created_at", "-created_at", "user")
    lists = [admin.get("/api/jobs", params={"sort": sort}).json()["items"] for sort in orders]
    monkeypatch.setattr(queries, "MOST", 2)  # so that a file is read in several windows
    for sort, listed in zip(orders, lists, strict=True):
        by_api = admin.get("/api/jobs/export", params={"sort": sort, "format": "jsonl"}).text.splitlines()
        arguments = ["jobs", "export", f"--sort={sort}", "--format", "jsonl"]
        by_hand = CliRunner().invoke(program, arguments, catch_exceptions=False).output.splitlines()
        ids = [row["id"] for row in listed]
        assert job_id in ids
        assert [json.loads(line).get("id") for line in by_api][: len(ids)] == ids
        assert [json.loads(line).get("id") for line in by_hand][: len(ids)] == ids


@pytest.mark.parametrize(
    "where",
    [
        [TEXT],
        ["status=failed", "kind:demo.* -queue:late", "ana@"],
        ["status=failed", "not_queue=late", "kind=demo.*", "q=ana@"],
    ],
)
def test_a_bulk_action_is_prepared_from_texts_and_pairs(
    program: typer.Typer, engine: Engine, job_id: str, where: list[str]
) -> None:
    options = [part for each in where for part in ("--where", each)]
    arguments = ["bulk", "preview", "job.retry", *options, "--reason", "mended", "--json"]
    answer = json.loads(CliRunner().invoke(program, arguments, catch_exceptions=False).output)
    assert rows_of(engine, answer["id"]) == [job_id]


def rows_of(engine: Engine, bulk_id: str) -> list[str]:
    with Session(engine) as session:
        rows = session.exec(select(BulkRow.target).where(col(BulkRow.bulk_id) == UUID(bulk_id))).all()
        return [str(each) for each in rows]


def test_what_is_no_filter_is_refused_with_its_place_everywhere(admin: TestClient, program: typer.Typer) -> None:
    meant = "kined is not a filter; did you mean kind? (at character 5)"
    for path in ("/api/jobs", "/api/jobs/facets", "/api/jobs/export"):
        answer = admin.get(path, params={"q": "ana kined:x"})
        assert (answer.status_code, answer.json()["detail"]) == (422, meant)
        assert answer.json()["errors"] == [{"field": "q", "message": meant}]
    assert admin.post("/api/bulk", json={"action": "job.retry", "filter": "ana kined:x"}).json()["detail"] == meant
    result = CliRunner().invoke(program, ["jobs", "list", "ana kined:x"])
    assert (result.exit_code, meant in " ".join(result.output.split())) == (2, True) or result.exit_code == 1


def test_arguments_that_are_hidden_are_not_searched(admin: TestClient) -> None:
    for params in ({"q": "arg.access_token:x"}, {"arg": "access_token:x"}):
        assert admin.get("/api/jobs", params=params).status_code == 422
