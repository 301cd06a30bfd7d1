"""Access by a provider's sign-in: people known here by e-mail address, or given a role by the provider."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from core import clock
from core.actor import Actor
from core.encryption.cipher import TokenCipher
from core.errors import NotSignedIn, Unusable
from core.models import Role, SpentState, User
from core.people import operators
from core.people.addresses import user_with
from core.people.oidc import Attempt
from core.settings import settings

#: Long enough to enter a password and a code at the provider.
ATTEMPT_LIFE: Final = timedelta(minutes=10)
#: The actor for changes that the provider's claims cause.
PROVIDER: Final = Actor(None, "sign-in provider", Role.ADMIN, "provider")
_PURPOSE: Final = "oidc"
_UNCONFIRMED: Final = "Your organisation has not confirmed your e-mail address. Ask its IT department."
_LOST: Final = "This sign-in started in another browser or took too long. Start again from the sign-in page."


def sealed(attempt: Attempt) -> str:
    """Return an attempt encrypted for a cookie: only this program can write or read it."""
    until = clock.now().timestamp() + ATTEMPT_LIFE.total_seconds()
    return _cipher().encrypt(json.dumps({"for": _PURPOSE, "until": until, **asdict(attempt)}))


def opened(session: Session, cookie: str, state: str) -> Attempt:
    """Return the attempt that a browser began, and mark it as used. Raises NotSignedIn."""
    try:
        fields = json.loads(_cipher().decrypt(cookie))
        purpose, until = fields.pop("for"), fields.pop("until")
        attempt = Attempt(**fields)
    except (Unusable, ValueError, TypeError, KeyError, AttributeError):
        raise NotSignedIn(_LOST) from None
    if purpose != _PURPOSE or not _is_young(until) or not state or attempt.state != state:
        raise NotSignedIn(_LOST)
    spent = insert(SpentState).values(state_hash=_hash(state), expires_at=clock.now() + ATTEMPT_LIFE)
    session.exec(delete(SpentState).where(col(SpentState.expires_at) < clock.db_now()))
    marked = spent.on_conflict_do_nothing().returning(col(SpentState.state_hash))
    if session.connection().execute(marked).first() is None:
        raise NotSignedIn("This sign-in was already used. Start again from the sign-in page.")
    return attempt


def _is_young(until: float) -> bool:
    """Tell whether an attempt still lives: its clock may have stood in the future, so not for longer than it may."""
    left = until - clock.now().timestamp()
    return 0 <= left <= (ATTEMPT_LIFE + clock.SKEW).total_seconds()


def person_of(session: Session, claims: Mapping[str, Any]) -> User:
    """Return the person that checked claims name, created or updated if they carry a role. Raises NotSignedIn."""
    email = _address(claims)
    user = user_with(session, email)
    if user is not None and not _is_one_address(user.email, email):
        raise NotSignedIn(_UNCONFIRMED)
    if user is not None and user.disabled_at:
        raise NotSignedIn(f"{user.email} is disabled here. Ask an admin.")
    if settings().oidc_role_claim:
        return _with_role(session, user, email, _role(claims))
    if user is None:
        raise NotSignedIn(f"{email[:320]} is not known here. Ask an admin to add you.")
    return user


def _is_one_address(known: str, claimed: str) -> bool:
    """Return whether the provider vouches for exactly this address; what people paste or type is read less strictly.

    Case is ignored in ASCII only: elsewhere different letters may share a lower case, as K and the Kelvin sign do.
    """
    return known == claimed or (known.isascii() and claimed.isascii() and known.lower() == claimed.lower())


def _address(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or not email.strip().isprintable():
        raise NotSignedIn(_UNCONFIRMED)
    if claims.get("email_verified") is not True:
        raise NotSignedIn(_UNCONFIRMED)
    return email.strip()


def _with_role(session: Session, user: User | None, email: str, role: Role) -> User:
    if user is None:
        try:
            form = operators.NewOperator(email=email, role=role)
        except ValidationError:
            raise NotSignedIn(_UNCONFIRMED) from None
        if not _is_one_address(form.email, email):
            raise NotSignedIn(_UNCONFIRMED)
        operators.add(session, form, PROVIDER, "first sign-in with the provider")
        return operators.find_by_email(session, email)
    if user.role is not role:
        operators.change_role(session, user.id, role, PROVIDER, "the provider sent this role")
    return user


def _role(claims: Mapping[str, Any]) -> Role:
    """Return the highest role to which a value of the claim is mapped."""
    given = claims.get(settings().oidc_role_claim or "")
    values = given if isinstance(given, list) else [given]
    mapped = dict(pair.rpartition("=")[::2] for pair in settings().oidc_roles.split())
    roles = [Role(mapped[value]) for value in values if isinstance(value, str) and mapped.get(value) in set(Role)]
    if not roles:
        raise NotSignedIn("Your organisation has not given you a role here. Ask its IT department.")
    return max(roles, key=list(Role).index)


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _cipher() -> TokenCipher:
    return TokenCipher(settings().secret_key or "")
