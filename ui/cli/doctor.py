"""The verb `doctor`: every invariant, every stuck user, what is late or slow, and what to do about each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer
from sqlmodel import Session

from core.database.failover import DatabaseReadOnly, check_writable
from core.diagnosis.invariants import violations
from core.diagnosis.situation import Situation
from core.encryption.key_check import problem_of_key
from core.encryption.rotation import token_cipher
from core.lateness import failed_schedules, late_schedules, stalled_threads
from core.logs import on_one_line
from core.people.users import find_users
from core.quoting import as_argument
from core.schedules.listing import unusable
from core.settings import settings
from core.slowdown import slowdowns
from core.wording import PROGRAM
from ui.cli.terminal import Json, load


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One problem, the rows it concerns, and its remedy."""

    problem: str
    says: str
    remedy: str
    rows: Sequence[Mapping[str, Any]] = ()


def doctor(as_json: Json = False) -> None:
    """Check every invariant and every stuck user; exit 1 if anything is wrong, with the remedy."""
    findings = load(examine)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], default=str, indent=2))
    elif not findings:
        typer.echo("All invariants hold, no user is stuck, and nothing is late or slowed down.")
    else:
        for finding in findings:
            _print_finding(finding)
    if findings:
        raise typer.Exit(1)


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
    findings = [*_key(session), *broken, *stuck, *_late(session), *slow]
    return [*_closed(session), *findings]  # last, since its refusal ends the transaction


def _key(session: Session) -> Iterator[DoctorFinding]:
    if settings().secret_key and (problem := problem_of_key(session, token_cipher())):
        sentence, _, remedy = str(problem).partition(". ")
        yield DoctorFinding("wrong secret key", sentence, remedy)


def _closed(session: Session) -> Iterator[DoctorFinding]:
    try:
        check_writable(session)
    except DatabaseReadOnly as error:
        session.rollback()
        remedy = "make it writable, or set DATABASE_URL to the server that is"
        yield DoctorFinding("database is read-only", error.sentence.removesuffix("."), remedy)


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
