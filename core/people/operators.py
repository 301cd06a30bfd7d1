"""Operators: add them, change their role, disable and enable them, make sign-in links. There is no default password."""

from typing import Final
from uuid import UUID

from pydantic import Field
from sqlmodel import Session

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotAllowed, NotFound
from core.models import Role, User
from core.operation import Form
from core.people import auth, personal_tokens, sessions
from core.people.addresses import EmailAddress, user_with

#: The admin created at the first local start, for the person at the machine.
LOCAL_ADMIN = "admin@unstuck.example"
_DISABLED = "disabled"
_ROLES: Final = "Viewers read. Support also helps single users. Admins also manage people, queues and schedules."


class NewOperator(Form):
    """A new operator."""

    email: EmailAddress = Field(title="E-mail address")
    name: str | None = Field(default=None, max_length=200)
    role: Role = Field(default=Role.SUPPORT, description=_ROLES)


class RoleForm(Form):
    """An operator's new role."""

    role: Role = Field(description=_ROLES)


def find_by_email(session: Session, email: str) -> User:
    """Return the user with this e-mail address, in any case. Raises NotFound."""
    user = user_with(session, email)
    if user is None:
        raise NotFound(f"There is no user with the e-mail address {email}.")
    return user


def add(session: Session, form: NewOperator, actor: Actor, reason: str | None) -> str:
    """Add an operator, or give an existing user the role, and return the token of their sign-in link."""
    user = user_with(session, form.email)
    if user is not None and user.role is not Role.MEMBER and user.disabled_at is None:
        raise NotAllowed(f"{user.email} is already an operator ({user.role}); change that with: operators role.")
    if user is None:
        user = User(email=form.email, name=form.name)
        session.add(user)
        session.flush()
    _set_role(session, user, form.role, actor, reason, "operator.added")
    return auth.make_link(session, user)


def change_role(session: Session, user_id: UUID, role: Role, actor: Actor, reason: str | None) -> None:
    """Give a user another role; end their sessions, so that no page continues with the old one, and unused links."""
    user = _get(session, user_id)
    if user.id == actor.id:
        raise NotAllowed("You cannot change your own role; ask another admin.")
    if user.role is role and user.disabled_at is None:
        raise NotAllowed(f"{user.email} already has the role {role}.")
    _set_role(session, user, role, actor, reason, "operator.role_changed")
    sessions.end_all(session, user_id, actor, "role changed", reason)


def disable(session: Session, user_id: UUID, actor: Actor, reason: str | None) -> None:
    """Disable a user: end their sessions and tokens; their changes stay in the audit log."""
    user = _get(session, user_id)
    if user.id == actor.id:
        raise NotAllowed("You cannot disable yourself; ask another admin.")
    if user.disabled_at is not None:
        raise NotAllowed(f"{user.email} is already disabled.")
    was = _role_or_disabled(user)
    user.disabled_at = clock.db_now()
    sessions.end_all(session, user_id, actor, "disabled", reason)
    personal_tokens.revoke_all(session, user_id, actor, reason)
    record(session, actor, "operator.disabled", user_id=user_id, reason=reason, was=was, now=_DISABLED)
    bus.changed(session, user_id=user_id)


def enable(session: Session, user_id: UUID, actor: Actor, reason: str | None) -> None:
    """Enable a disabled user; they must sign in again."""
    user = _get(session, user_id)
    if user.disabled_at is None:
        raise NotAllowed(f"{user.email} is not disabled.")
    user.disabled_at = None
    record(session, actor, "operator.enabled", user_id=user_id, reason=reason, was=_DISABLED, now=user.role.value)
    bus.changed(session, user_id=user_id)


def link(session: Session, user_id: UUID, actor: Actor, reason: str | None) -> str:
    """Return the token of a new one-time sign-in link for a user."""
    user = _get(session, user_id)
    if user.disabled_at:
        raise NotAllowed(f"{user.email} is disabled and cannot sign in.")
    record(session, actor, "operator.link_made", user_id=user_id, reason=reason)
    return auth.make_link(session, user)


def _get(session: Session, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    return user


def _set_role(session: Session, user: User, role: Role, actor: Actor, reason: str | None, event: str) -> None:
    was, user.role, user.disabled_at = _role_or_disabled(user), role, None
    record(session, actor, event, user_id=user.id, reason=reason, was=was, now=role.value)
    bus.changed(session, user_id=user.id)


def _role_or_disabled(user: User) -> str:
    return _DISABLED if user.disabled_at else user.role.value
