"""What the command line says is words and lines that can be repeated, never the program's own notation."""

import json
from contextlib import nullcontext
from datetime import timedelta

import pytest
import typer
from sqlalchemy import Engine
from sqlmodel import Session, select
from typer.testing import CliRunner

from core import clock
from core.commands.registry import COMMANDS
from core.diagnosis.answer import Diagnosis
from core.diagnosis.situation import Situation
from core.errors import NotFound
from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, JobKind, JobStatus, Queue, Schedule, Worker
from core.operations import BY_NAME, demo
from core.operations.demo import EnableForm, demo_mode
from core.settings import settings
from core.wording import PROGRAM
from tests.factories import SUPPORT, make_user
from ui import cli
from ui.cli.explanation import as_flags, print_diagnosis


@pytest.fixture
def program(engine: Engine) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return app


def said(program: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(program, list(arguments), catch_exceptions=False, env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_a_diagnosis_is_a_sentence_with_facts_and_a_remedy_that_can_be_repeated(
    program: typer.Typer, session: Session
) -> None:
    user = make_user(session, email="vera@example.com")
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana", paused_reason="deploying"))
    session.commit()
    for lines in (said(program, "users", "diagnose", user.email), said(program, "jobs", "explain", str(job.id))):
        first, *facts, remedy, command, instead, _ = lines.splitlines()
        assert first.startswith("Held. Enabling demo mode is not running because queue demo was paused by Ana")
        assert facts
        assert remedy.startswith("Remedy: Resume. ")
        assert command == f"  {PROGRAM} queues resume demo"
        assert instead.startswith("Or: Cancel. ")
        assert not {"{", "(", "None", "situation:", "queue.resume"} & set(lines.split())


def test_drift_is_repaired_as_its_diagnosis_says(program: typer.Typer, session: Session) -> None:
    user = make_user(session, email="vera@example.com", demo_mode_status=DemoModeStatus.ENABLING)
    session.commit()
    command = said(program, "users", "diagnose", user.email).splitlines()[-1]
    said(program, *command.removeprefix(f"  {PROGRAM} ").split())
    session.refresh(user)
    assert user.demo_mode_status is DemoModeStatus.FAILED
    assert f"do demo.dismiss --user {user.email}" in said(program, "users", "diagnose", user.email)


def test_a_diagnosis_prints_the_command_that_lists_the_jobs_it_counts(program: typer.Typer, session: Session) -> None:
    error = {"error_type": "TryAgain", "error_message": "No answer.", "error_fingerprint": "f00"}
    ended = {"kind": "demo.enable", "machine": demo_mode.name, "status": JobStatus.FAILED, "finished_at": clock.now()}
    users = [make_user(session, demo_mode_status=DemoModeStatus.FAILED) for _ in range(3)]
    session.add_all(BackgroundJob(user_id=user.id, **ended, **error) for user in users)
    session.commit()
    lines = said(program, "users", "diagnose", users[0].email).splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("  2 other users failed"))
    command = lines[place + 1].removeprefix(f"    {PROGRAM} ").split()
    listed = json.loads(said(program, *command, "--json"))
    assert {each["user_email"] for each in listed} == {user.email for user in users[1:]}


def test_do_lists_all_kinds_and_the_form_of_each(program: typer.Typer) -> None:
    listed = said(program, "do", "--help")
    assert [name for name in BY_NAME if name not in listed] == []
    for name in BY_NAME:
        shown = said(program, "do", name, "--help")
        flags = ["--" + field.replace("_", "-") for field in COMMANDS[name].form.model_fields]
        assert [flag for flag in [*flags, "--at", "--reason"] if flag not in shown] == []
        assert ("--user" in shown) == name.startswith("demo.")
    enable = said(program, "do", "demo.enable", "--help")
    assert "nano|micro|mid_tier" in enable
    assert "Default: mid_tier." in enable
    with pytest.raises(NotFound, match=r"did you mean demo\.enable\?"):
        said(program, "do", "demo.enabel", "--help")


def test_a_schedule_takes_the_fields_of_its_kinds_form_as_flags(program: typer.Typer, session: Session) -> None:
    add = ("schedules", "add", "nightly", "maintenance.delete_old_jobs", "--cron", "0 3 * * *")
    said(program, *add, "--days", "90", "--status=succeeded")
    assert session.exec(select(Schedule.args)).one() == {"days": 90, "status": "succeeded"}
    refused = CliRunner().invoke(program, [*add, "--colour", "red"])
    assert (refused.exit_code, "--colour is not a field" in refused.output) == (2, True)


def test_a_schedule_is_edited_by_flags_and_its_past_runs_are_made_up_for(
    program: typer.Typer, session: Session
) -> None:
    said(program, "schedules", "add", "nightly", "maintenance.delete_old_jobs", "--cron", "0 3 * * *", "--days", "90")
    said(program, "schedules", "edit", "nightly", "--cron", "0 4 * * *", "--missed", "once", "--status", "failed")
    row = session.exec(select(Schedule)).one()
    assert (row.cron, row.missed, row.args) == ("0 4 * * *", "once", {"days": 90, "status": "failed"})
    day = clock.now() - timedelta(days=5)
    times = ("--since", f"{day:%Y-%m-%d}", "--until", f"{day + timedelta(days=3):%Y-%m-%d}")
    shown = said(program, "schedules", "backfill", "nightly", *times, "--preview")
    assert shown.startswith("count: 3\n")
    assert session.exec(select(BackgroundJob)).all() == []
    done = said(program, "schedules", "backfill", "nightly", *times, "--reason", "it was down")
    assert "requested: 3\n" in done
    assert "already: 3" in said(program, "schedules", "backfill", "nightly", *times, "--reason", "again")


def test_a_diagnosis_has_the_whole_link_for_the_customer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://unstuck.example/")
    settings.cache_clear()
    print_diagnosis(Diagnosis(Situation.FAILED, "It failed.", "It failed.", owners_page="/settings/connections"))
    settings.cache_clear()
    assert "Link for the customer: https://unstuck.example/settings/connections\n" in capsys.readouterr().out


def test_what_is_true_or_false_is_a_switch(program: typer.Typer, session: Session) -> None:
    user = make_user(session, email="vera@example.com")
    session.commit()
    said(program, "do", "demo.enable", "--user", user.email, "--email-when-ready", "--preset", "nano")
    asked = {"preset": "nano", "email_when_ready": True}
    assert session.exec(select(BackgroundJob.args)).one() == asked
    assert as_flags(asked) == " --preset nano --email-when-ready"
    add = ("schedules", "add", "nightly", "demo.enable", "--user", user.email, "--cron", "0 3 * * *")
    said(program, *add, "--email-when-ready", "--preset", "nano")
    assert session.exec(select(Schedule.args)).one() == asked


def test_kinds_are_paused_resumed_and_limited(program: typer.Typer, session: Session) -> None:
    said(program, "kinds", "pause", "demo.enable", "--reason", "service is down")
    assert "service is down" in said(program, "kinds", "list")
    said(program, "kinds", "resume", "demo.enable")
    said(program, "kinds", "limit", "demo.enable", "--max-running", "3")
    kind = session.exec(select(JobKind)).one()
    assert (kind.paused_at, kind.max_running, kind.max_per_worker) == (None, 3, None)


def test_workers_have_a_state_and_those_of_former_days_are_left_out(program: typer.Typer, session: Session) -> None:
    now = clock.now()
    for host, age, ended in (("living", 1, {}), ("resting", 60, {"stopped_at": now}), ("silent", 300, {})):
        session.add(Worker(host=host, pid=1, threads=1, heartbeat_at=now - timedelta(seconds=age), **ended))
    session.add(Worker(host="former", pid=1, threads=1, heartbeat_at=now - timedelta(days=9), lost_at=now))
    session.commit()
    lines = [line.split()[:2] for line in said(program, "workers", "list").splitlines()[1:]]
    assert lines == [["alive", "living"], ["stopped", "resting"], ["lost", "silent"]]
    assert "former" in said(program, "workers", "list", "--all")


def test_a_task_is_planned_by_the_command_line(program: typer.Typer, session: Session) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    said(program, "do", "maintenance.expire_sessions", "--at", f"{tomorrow.astimezone():%Y-%m-%dT%H:%M:%S}")
    assert session.exec(select(BackgroundJob.run_at)).one() == tomorrow.replace(microsecond=0)
