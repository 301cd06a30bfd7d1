"""Commands about people: operators, their sessions, passwords, tokens and second factors."""

from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from core.commands.command import Command, Invocation, self_owned, target_of
from core.models import Role
from core.operation import NoForm
from core.people import operators, passwords, personal_tokens, second_factor, sessions
from core.people.view_as import view_as


def _add_operator(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, operators.NewOperator)
    return {"link": "/login/" + operators.add(session, call.form, call.actor, call.reason)}


def _change_role(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, operators.RoleForm)
    operators.change_role(session, target_of(call), call.form.role, call.actor, call.reason)
    return {"role": call.form.role.value}


def _disable_operator(session: Session, call: Invocation) -> dict[str, Any]:
    operators.disable(session, target_of(call), call.actor, call.reason)
    return {"disabled": True}


def _enable_operator(session: Session, call: Invocation) -> dict[str, Any]:
    operators.enable(session, target_of(call), call.actor, call.reason)
    return {"disabled": False}


def _make_link(session: Session, call: Invocation) -> dict[str, Any]:
    return {"link": "/login/" + operators.link(session, target_of(call), call.actor, call.reason)}


def _change_password(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, passwords.PasswordForm)
    passwords.change_password(session, call.actor, call.form)
    return {"changed": True}


def _revoke_session(session: Session, call: Invocation) -> dict[str, Any]:
    sessions.end(session, target_of(call), call.actor, "revoked", call.reason)
    return {"ended": 1}


def _revoke_other_sessions(session: Session, call: Invocation) -> dict[str, Any]:
    own_session = call.actor.session_id
    return {"ended": sessions.end_all(session, target_of(call), call.actor, "revoked", call.reason, but=own_session)}


def _create_token(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, personal_tokens.TokenForm)
    return {"token": personal_tokens.create(session, target_of(call), call.form, call.actor, call.reason)}


def _revoke_token(session: Session, call: Invocation) -> dict[str, Any]:
    personal_tokens.revoke(session, target_of(call), call.actor, call.reason)
    return {"revoked": True}


def _set_up_factor(session: Session, call: Invocation) -> dict[str, Any]:
    return asdict(second_factor.set_up(session, call.actor))


def _confirm_factor(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, second_factor.CodeForm)
    return {"recovery_codes": second_factor.confirm(session, call.actor, call.form)}


def _switch_factor_off(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, second_factor.OffForm)
    second_factor.switch_off(session, call.actor, call.form)
    return {"on": False}


def _reset_factor(session: Session, call: Invocation) -> dict[str, Any]:
    second_factor.reset(session, target_of(call), call.actor, call.reason)
    return {"on": False}


def _view_as(session: Session, call: Invocation) -> dict[str, Any]:
    user = view_as(session, target_of(call), call.actor, call.reason)
    return {"email": user.email}


PEOPLE = (
    Command(
        name="user.view_as",
        label="View as the customer",
        role=Role.SUPPORT,
        form=NoForm,
        act=_view_as,
        by_token=False,
    ),
    Command(
        name="operator.add",
        label="Add operator",
        role=Role.ADMIN,
        form=operators.NewOperator,
        act=_add_operator,
        by_token=False,
    ),
    Command(
        name="operator.role",
        label="Change role",
        role=Role.ADMIN,
        form=operators.RoleForm,
        act=_change_role,
        needs_reason=True,
        by_token=False,
    ),
    Command(
        name="operator.disable",
        label="Disable",
        role=Role.ADMIN,
        form=NoForm,
        act=_disable_operator,
        needs_reason=True,
    ),
    Command(name="operator.enable", label="Enable", role=Role.ADMIN, form=NoForm, act=_enable_operator, by_token=False),
    Command(name="operator.link", label="Sign-in link", role=Role.ADMIN, form=NoForm, act=_make_link, by_token=False),
    Command(
        name="password.change",
        label="Change password",
        role=Role.MEMBER,
        form=passwords.PasswordForm,
        act=_change_password,
        by_token=False,
    ),
    Command(
        name="session.revoke",
        label="Revoke session",
        role=Role.ADMIN,
        form=NoForm,
        act=_revoke_session,
        own=sessions.owner_of,
    ),
    Command(
        name="session.revoke_others",
        label="Revoke other sessions",
        role=Role.ADMIN,
        form=NoForm,
        act=_revoke_other_sessions,
        own=self_owned,
    ),
    Command(
        name="token.create",
        label="Create token",
        role=Role.ADMIN,
        form=personal_tokens.TokenForm,
        act=_create_token,
        own=self_owned,
        by_token=False,
    ),
    Command(
        name="token.revoke",
        label="Revoke token",
        role=Role.ADMIN,
        form=NoForm,
        act=_revoke_token,
        own=personal_tokens.owner_of,
    ),
    Command(
        name="factor.set_up",
        label="Set up second factor",
        role=Role.MEMBER,
        form=NoForm,
        act=_set_up_factor,
        by_token=False,
    ),
    Command(
        name="factor.confirm",
        label="Confirm second factor",
        role=Role.MEMBER,
        form=second_factor.CodeForm,
        act=_confirm_factor,
        by_token=False,
    ),
    Command(
        name="factor.off",
        label="Switch second factor off",
        role=Role.MEMBER,
        form=second_factor.OffForm,
        act=_switch_factor_off,
        by_token=False,
    ),
    Command(
        name="factor.reset",
        label="Reset second factor",
        role=Role.ADMIN,
        form=NoForm,
        act=_reset_factor,
        by_token=False,
        needs_reason=True,
    ),
)
