"""What people do with an error: ignore, resolve and reopen it, take care of it, and note something on it."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, field_validator
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.diagnosis.error_state import ErrorState, error_state
from core.errors import Invalid, NotAllowed, NotFound
from core.models import BackgroundJob, FailureDecision, FailureNote, FailureState, JobStatus, Role, User, Worker
from core.operation import Form

#: Other versions that are remembered at most, the latest.
VERSIONS: Final = 100
_VERSION: Final = 50
#: A character that is no blank, for each reader of the pattern.
_VISIBLE: Final = r"[^\s\x00-\x1f\x85\ufeff]"


class FailureForm(Form):
    """The error, by its fingerprint."""

    fingerprint: str = Field(min_length=1, max_length=200, title="Fingerprint")


class IgnoreTerms(Form):
    """Until when an error is ignored: the first that comes; without any, until somebody reopens it."""

    hours: int | None = Field(default=None, ge=1, le=24 * 366, title="Hours")
    count: int | None = Field(default=None, ge=1, le=1_000_000, title="Further failures")
    per_hour: int | None = Field(default=None, ge=1, le=10_000, title="More than so many an hour")


class IgnoreForm(FailureForm, IgnoreTerms):
    """An error, and until when it is ignored."""


class ResolveTerms(Form):
    """In which version an error is resolved; without one, the next failure of any worker reopens it."""

    version: str | None = Field(default=None, max_length=_VERSION, title="In version")

    @field_validator("version")
    @classmethod
    def _is_no_blank(cls, version: str | None) -> str | None:
        return (version or "").strip() or None


class ResolveForm(FailureForm, ResolveTerms):
    """An error, and in which version it is resolved."""


class AssignForm(FailureForm):
    """Who takes care of an error."""

    owner: UUID | None = Field(default=None, title="Owner", description="An operator; empty: nobody.")


class NoteTerms(Form):
    """A note; it cannot be changed later."""

    text: str = Field(min_length=1, max_length=5_000, pattern=_VISIBLE, title="Note")


class NoteForm(FailureForm, NoteTerms):
    """An error, and a note on it."""


def ignore(session: Session, form: IgnoreForm, actor: Actor, reason: str | None) -> ErrorState:
    """Ignore an error until something of what the form says comes. Raises NotFound."""
    row, was, about = _locked(session, form.fingerprint)
    now = _now(session)
    until = now + timedelta(hours=form.hours) if form.hours else None
    _decide(row, FailureDecision.IGNORED, actor, reason, until=until)
    row.until_count, row.until_per_hour = form.count, form.per_hour
    terms = {"until": until and until.isoformat(), "count": form.count, "per_hour": form.per_hour}
    return _decided(session, actor, "failure.ignored", row, was, about, {k: v for k, v in terms.items() if v})


def resolve(session: Session, form: ResolveForm, actor: Actor, reason: str | None) -> ErrorState:
    """Call an error resolved: a failure that finishes from now on is a regression. Raises NotFound.

    With a version: unless a worker of a version ran it that was there before, so that what runs still may fail still.
    """
    row, was, about = _locked(session, form.fingerprint)
    _decide(row, FailureDecision.RESOLVED, actor, reason, version=form.version)
    row.old_versions = _other_versions(session, form.version) if form.version else None
    terms = {"version": form.version} if form.version else {}
    return _decided(session, actor, "failure.resolved", row, was, about, terms)


def reopen(session: Session, form: FailureForm, actor: Actor, reason: str | None) -> ErrorState:
    """Take an ignore or a resolve back. Raises NotFound, or NotAllowed if the error is open."""
    row, was, about = _locked(session, form.fingerprint)
    if was is ErrorState.OPEN:
        raise NotAllowed("The error is open already.")
    _decide(row, FailureDecision.OPEN, actor, reason)
    return _decided(session, actor, "failure.reopened", row, was, about, {})


def assign(session: Session, form: AssignForm, actor: Actor, reason: str | None) -> str:
    """Let an operator take care of an error, or nobody; return their name. Raises NotFound, Invalid for no operator."""
    row, _, about = _locked(session, form.fingerprint)
    owner = session.get(User, form.owner) if form.owner else None
    if form.owner and (owner is None or owner.role not in (Role.SUPPORT, Role.ADMIN) or owner.disabled_at):
        raise Invalid("The owner has to be support staff or an admin with access.", {"owner": "Choose an operator."})
    before = session.get(User, row.owner_id) if row.owner_id else None
    row.owner_id = owner.id if owner else None
    session.flush()
    names: dict[str, Any] = {"was": before and before.email, "now": owner and owner.email}
    record(session, actor, "failure.assigned", reason=reason, name=about, fingerprint=row.fingerprint, **names)
    return owner.email if owner else ""


def note(session: Session, form: NoteForm, actor: Actor, reason: str | None) -> UUID:
    """Write a note on an error, which stays as it is. Raises NotFound."""
    about = about_error(session, form.fingerprint)
    row = FailureNote(fingerprint=form.fingerprint, text=form.text.strip(), author=actor.name, created_at=_now(session))
    session.add(row)
    session.flush()
    record(session, actor, "failure.noted", reason=reason, name=about, fingerprint=row.fingerprint, note=str(row.id))
    return row.id


def owners(session: Session) -> dict[UUID, str]:
    """Return the operators with access who may take care of errors, by name."""
    name = sa.func.coalesce(sa.func.nullif(sa.func.btrim(col(User.name)), ""), col(User.email))
    rows = sa.select(col(User.id), sa.func.left(name, 100)).where(
        col(User.role).in_((Role.SUPPORT, Role.ADMIN)), col(User.disabled_at).is_(None)
    )
    return {row[0]: row[1] for row in session.execute(rows.order_by(sa.func.lower(name)).limit(200))}


def versions(session: Session) -> list[str]:
    """Return the versions that workers on record have run, the latest start first."""
    started = sa.func.max(col(Worker.started_at))
    own = sa.select(col(Worker.version)).group_by(col(Worker.version)).order_by(started.desc()).limit(VERSIONS)
    return [each[:_VERSION] for each in session.scalars(own) if each]


def _other_versions(session: Session, version: str) -> list[str]:
    started = sa.func.max(col(Worker.started_at))
    others = sa.select(col(Worker.version)).where(col(Worker.version) != version).group_by(col(Worker.version))
    return list(session.scalars(others.order_by(started.desc()).limit(VERSIONS)))


def _locked(session: Session, fingerprint: str) -> tuple[FailureState, ErrorState, str]:
    """Return the row of an error that nobody else changes until the commit, its state, and what it is. Raises NotFound.

    An error of which nobody has decided anything gets its row here.
    """
    about = about_error(session, fingerprint)
    new = insert(FailureState).values(fingerprint=fingerprint, decided_at=clock.db_now())
    session.connection().execute(new.on_conflict_do_nothing())
    row = session.get_one(FailureState, fingerprint, with_for_update=True, populate_existing=True)
    state = error_state(sa.literal(fingerprint, sa.Text()))
    return row, ErrorState(session.connection().execute(sa.select(state)).scalar_one()), about


def about_error(session: Session, fingerprint: str) -> str:
    """Return which error it is, in the words of the audit log. Raises NotFound if no job has failed with it."""
    job = BackgroundJob
    newest = select(job.error_type, job.kind).where(col(job.error_fingerprint) == fingerprint)
    newest = newest.where(col(job.status) == JobStatus.FAILED).order_by(col(job.created_at).desc()).limit(1)
    found = session.exec(newest).first()
    if found is None:
        raise NotFound("No job has failed with this error.")
    return f"{found[0] or 'error'} of {found[1]}"


def _decide(row: FailureState, decision: FailureDecision, actor: Actor, reason: str | None, **terms: Any) -> None:
    empty = dict.fromkeys(("until", "until_count", "until_per_hour", "version", "old_versions"))
    row.sqlmodel_update({**empty, **terms})
    row.decision, row.decided_by, row.reason = decision, actor.name, reason
    row.decided_at = clock.db_now()


def _decided(
    session: Session, actor: Actor, name: str, row: FailureState, was: ErrorState, about: str, terms: dict[str, Any]
) -> ErrorState:
    session.flush()
    now = ErrorState(row.decision.value)
    about_it = {"name": about, "fingerprint": row.fingerprint, **terms}
    record(session, actor, name, reason=row.reason, was=was.value, now=now.value, **about_it)
    return now


def _now(session: Session) -> Any:
    return session.exec(select(clock.db_now())).one()
