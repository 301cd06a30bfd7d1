"""The verb `doctor`: every invariant, every stuck user, what is late or slow, and what to do about each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer
from sqlalchemy import Engine
from sqlmodel import Session, select

from core import clock
from core.database.engine import session_scope, snapshot_scope
from core.database.failover import DatabaseReadOnly, check_writable
from core.diagnosis.incidents import incidents
from core.diagnosis.invariants import violations
from core.diagnosis.service_check import check_service
from core.diagnosis.situation import Situation
from core.diagnosis.unreadable import unknown_kinds
from core.encryption.key_check import problem_of_key
from core.encryption.rotation import token_cipher
from core.lateness import failed_schedules, late_schedules, stalled_threads
from core.logs import on_one_line
from core.operations import SERVICES
from core.people.users import find_users
from core.queues.controls import QueueState, known_queues, queue_lines
from core.quoting import as_argument
from core.schedules.listing import unusable
from core.settings import settings, worker_command
from core.slowdown import slowdowns
from core.wording import PROGRAM, counted
from ui.cli.terminal import Json, opened


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One problem, the rows it concerns, and its remedy."""

    problem: str
    says: str
    remedy: str
    rows: Sequence[Mapping[str, Any]] = ()
    #: A person stopped it on purpose, or no job waits for it yet: it is said, and is no failure of the check.
    is_held: bool = False
    #: It may be as it should be: it is said, and is no failure of the check.
    is_note: bool = False


def doctor(as_json: Json = False) -> None:
    """Check every invariant and every stuck user; exit 1 if anything is wrong, with the remedy."""
    with opened() as engine:
        findings = examine_all(engine)
    wrong = [finding for finding in findings if not (finding.is_held or finding.is_note)]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], default=str, indent=2))
    else:
        for finding in findings:
            _print_finding(finding)
        if not wrong:
            besides = "Besides, all" if findings else "All"
            typer.echo(f"{besides} invariants hold, no user is stuck, and nothing is late or slowed down.")
    if wrong:
        raise typer.Exit(1)


def examine_all(engine: Engine) -> list[DoctorFinding]:
    """Return every problem, first whether the database can be written to."""
    with snapshot_scope(engine) as session:
        findings = examine(session)
    return [*_closed(engine), *findings, *_failing_services()]


def examine(session: Session) -> list[DoctorFinding]:
    """Return every problem of the database and its remedy."""
    broken = [
        DoctorFinding(v.invariant.name, f"it must be true that {v.invariant.says}", v.invariant.remedy, v.rows)
        for v in violations(session)
    ]
    stuck = [
        DoctorFinding("stuck user", line.email, f"{PROGRAM} users diagnose {as_argument(line.email)}")
        for line in find_users(session, "", Situation.STUCK)
    ]
    slow = [DoctorFinding(each.kind, each.sentence, each.remedy) for each in slowdowns(session)]
    unstarted = [*_unserved(session), *_unknown_kinds(session)]
    return [*_key(session), *broken, *stuck, *unstarted, *_late(session), *slow, *_held(session)]


def _unserved(session: Session) -> Iterator[DoctorFinding]:
    lines = list(queue_lines(session))
    # A queue that is paused, too, is one whose jobs wait for both.
    for line in lines:
        if line.waiting and not (line.workers or line.silent):
            says = f"no worker serves the queue {line.name}, and {counted(line.waiting, 'job waits', 'jobs wait')}"
            is_known = line.name in known_queues()
            remedy = f"Start a worker of the release that has the queue {line.name}, or cancel the jobs in it"
            is_held = line.state is QueueState.PAUSED
            yield DoctorFinding("no worker", says, worker_command() if is_known else remedy, is_held=is_held)
    if idle := [line.name for line in lines if line.state is QueueState.UNSERVED and not line.waiting]:
        queues = f"the queue{'s' if len(idle) > 1 else ''} {', '.join(idle)}"
        is_any_alive = any(line.workers or line.silent for line in lines)
        subject = "no worker serves" if is_any_alive else "no worker is alive to serve"
        yield DoctorFinding("no worker", f"{subject} {queues}; no job waits there", worker_command(), is_held=True)


def _unknown_kinds(session: Session) -> Iterator[DoctorFinding]:
    for kind, jobs in unknown_kinds(session):
        waiting = counted(jobs, "job waits", "jobs wait")
        says = f"no worker of this release knows the kind {kind}, and {waiting}"
        remedy = (
            f"Start a worker of the release that knows it, or cancel: {PROGRAM} jobs list --kind {as_argument(kind)}"
        )
        yield DoctorFinding("unknown kind", says, remedy)


def _held(session: Session) -> Iterator[DoctorFinding]:
    """Return the pauses and limits of 0 that jobs wait for; whoever set them knows when they may end."""
    now = session.exec(select(clock.db_now())).one()
    for each in incidents(session, now):
        if each.is_held:
            remedy = f"When its reason is gone: {PROGRAM} queues resume, kinds resume, or kinds limit"
            yield DoctorFinding("held", each.sentence, remedy, is_held=True)


def _key(session: Session) -> Iterator[DoctorFinding]:
    if settings().secret_key and (problem := problem_of_key(session, token_cipher())):
        sentence, _, remedy = str(problem).partition(". ")
        yield DoctorFinding("wrong secret key", sentence, remedy)


def _closed(engine: Engine) -> Iterator[DoctorFinding]:
    try:
        with session_scope(engine) as session:
            check_writable(session)
    except DatabaseReadOnly as error:
        remedy = "make it writable, or set DATABASE_URL to the server that is"
        yield DoctorFinding("database is read-only", error.sentence.removesuffix("."), remedy)


def _failing_services() -> Iterator[DoctorFinding]:
    for name in SERVICES:
        if (check := check_service(name)) and check.fault:
            remedy = "Look after the service; jobs that need it fail or wait until it answers"
            if check.is_slow:
                remedy = "Look after the service if jobs that need it fail; they wait longer for an answer"
            yield DoctorFinding("outside service", f"{name} {check.fault}", remedy, is_note=check.is_slow)


def _late(session: Session) -> list[DoctorFinding]:
    stalled = [
        DoctorFinding("stalled thread", str(thread), "Restart that process; its log names the error.")
        for thread in stalled_threads(session)
    ]
    late = [
        DoctorFinding(
            "late schedule",
            str(schedule),
            f"Remove {schedule.name} and add it anew." if schedule.problem else "Start a worker, or look at its log.",
        )
        for schedule in late_schedules(session)
    ]
    unusable_ones = [
        DoctorFinding(
            "unusable schedule",
            f"schedule {line.schedule.name}: {(line.problem or '').removesuffix('.')}",
            f"Remove {line.schedule.name} and add it anew.",
        )
        for line in unusable(session)
    ]
    failed = [
        DoctorFinding(
            "failed schedule",
            str(each),
            f"See {PROGRAM} jobs show {each.job_id}; with its cause gone: "
            f"{PROGRAM} schedules run {as_argument(each.name)}",
        )
        for each in failed_schedules(session)
    ]
    return stalled + late + unusable_ones + failed


def _print_finding(finding: DoctorFinding) -> None:
    rows = ("    " + ", ".join(f"{name} {value}" for name, value in row.items()) for row in finding.rows)
    for line in (f"{finding.problem}: {finding.says}.", *rows, f"  Remedy: {finding.remedy}"):
        typer.echo(on_one_line(line))
