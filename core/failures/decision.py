"""What people have decided of an error, in words: until when it is ignored, what came since, who takes care of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.diagnosis.error_state import FAILURES_SINCE, ErrorState
from core.models import FailureDecision, FailureNote, FailureState, User
from core.wording import clock_time, counted

#: Failures since a decision are counted up to here, and so many notes are shown.
COUNTED: Final = 10_000
NOTES: Final = 50

_FURTHER: Final = sa.text(f"""
    SELECT count(*), min(finished_at) FROM failure_states s,
    LATERAL ({FAILURES_SINCE} LIMIT {COUNTED + 1}) further WHERE s.fingerprint = :fingerprint
""")  # noqa: S608 - constants of ours


@dataclass(frozen=True, slots=True)
class Decision:
    """The state of an error, the last decision on it, and what has come since."""

    state: ErrorState
    decision: FailureDecision = FailureDecision.OPEN
    #: None: nobody has ever decided anything.
    at: datetime | None = None
    by: str = ""
    reason: str | None = None
    until: datetime | None = None
    until_count: int | None = None
    until_per_hour: int | None = None
    version: str | None = None
    owner_id: UUID | None = None
    owner: str = ""
    #: Failures that count against the decision, and when the first of them finished.
    further: int = 0
    first_further: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has noted on an error."""

    text: str
    author: str
    at: datetime


def decision_of(session: Session, fingerprint: str, state: ErrorState) -> Decision:
    """Return what was decided of an error that is in this state."""
    row = session.get(FailureState, fingerprint, populate_existing=True)
    if row is None:
        return Decision(state)
    owner = session.get(User, row.owner_id) if row.owner_id else None
    name = ((owner.name or "").strip() or owner.email)[:100] if owner else ""
    decided = row.decision is not FailureDecision.OPEN or bool(row.decided_by)
    number, first = 0, None
    if row.decision is not FailureDecision.OPEN:
        number, first = session.connection().execute(_FURTHER, {"fingerprint": fingerprint}).one()
    return Decision(
        state=state,
        decision=row.decision,
        at=row.decided_at if decided else None,
        by=row.decided_by,
        reason=row.reason,
        until=row.until,
        until_count=row.until_count,
        until_per_hour=row.until_per_hour,
        version=row.version,
        owner_id=row.owner_id,
        owner=name,
        further=number,
        first_further=first,
    )


def notes_of(session: Session, fingerprint: str) -> Sequence[Note]:
    """Return the notes on an error, the newest first."""
    newest = (col(FailureNote.created_at).desc(), col(FailureNote.id).desc())
    own = select(FailureNote).where(col(FailureNote.fingerprint) == fingerprint).order_by(*newest).limit(NOTES)
    return [Note(row.text, row.author, row.created_at) for row in session.exec(own)]


def sentence_of(decision: Decision, now: datetime) -> str:
    """Return the state of an error in words: who has decided what, until when, and what has come since."""
    if decision.at is None:
        return "Nobody has decided anything yet."
    by = f"by {decision.by} at {clock_time(decision.at, now)}"
    if decision.decision is FailureDecision.OPEN:
        return f"Reopened {by}."
    if decision.decision is FailureDecision.IGNORED:
        return _ignored(decision, by, now)
    where = f" in version {decision.version}" if decision.version else ""
    if decision.state is ErrorState.RESOLVED:
        return f"Resolved{where} {by}. {_watched(decision)}"
    since = clock_time(decision.first_further, now) if decision.first_further else ""
    return f"Regression: resolved{where} {by}, and {_failures(decision)} since, the first at {since}."


def _ignored(decision: Decision, by: str, now: datetime) -> str:
    ends = [
        *([f"until {clock_time(decision.until, now)}"] if decision.until else []),
        *([f"until {counted(decision.until_count, 'more failure')}"] if decision.until_count else []),
        *([f"until more than {decision.until_per_hour:,} an hour"] if decision.until_per_hour else []),
    ]
    terms = " or ".join(ends) or "until somebody reopens it"
    came = f"{_failures(decision)} since" if decision.further else "none has failed since"
    if decision.state is ErrorState.IGNORED:
        return f"Ignored {by}, {terms}; {came}."
    return f"Open again: it was ignored {by}, {terms}, which has come; {came}."


def _watched(decision: Decision) -> str:
    if decision.version:
        return "A failure in that version, or in one that starts later, reopens it; those of older workers do not."
    return "The next failure reopens it."


def _failures(decision: Decision) -> str:
    more = "more than " if decision.further > COUNTED else ""
    return f"{more}{counted(min(decision.further, COUNTED), 'job')} failed" if decision.further else "none failed"
