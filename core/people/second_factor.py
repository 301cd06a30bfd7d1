"""The second factor: codes from a phone (TOTP), recovery codes for a lost phone, and switching it on and off."""

import base64
import hashlib
import hmac
import io
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import pyotp
import segno
from pydantic import Field
from sqlmodel import Session, col, delete, func, or_, select, update

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.encryption.cipher import TokenCipher
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted, TooMany
from core.models import RecoveryCode, SecondFactor, User
from core.operation import Form
from core.people import passwords, rate_limits
from core.settings import settings

ISSUER: Final = "Unstuck"
#: A phone's clock may be off by one 30-second step in either direction.
STEPS: Final = (-1, 0, 1)
STEP: Final = timedelta(seconds=30)
RECOVERY_CODES: Final = 10
#: Wrong codes in a row that lock the factor for a while: guessing a million codes then takes two years.
MOST_FAILURES: Final = 5
LOCKED: Final = timedelta(minutes=5)


class CodeForm(Form):
    """A code from the phone, or a recovery code."""

    code: str = Field(min_length=6, max_length=40)


class OffForm(Form):
    """Proof of identity for switching the second factor off: a code or the password."""

    code: str | None = Field(default=None, max_length=40)
    password: str | None = Field(default=None, max_length=1_000)


@dataclass(frozen=True, slots=True)
class Setup:
    """Setup data for a phone: the secret as text, as a URI, and as a QR code."""

    secret: str
    uri: str
    qr: str


@dataclass(frozen=True, slots=True)
class State:
    """The state of a person's second factor."""

    on: bool
    codes_left: int


def state_of(session: Session, user_id: UUID) -> State:
    """Return whether a second factor is on, and the number of unused recovery codes."""
    factor = session.get(SecondFactor, user_id)
    is_unused = (col(RecoveryCode.user_id) == user_id, col(RecoveryCode.used_at).is_(None))
    codes = session.exec(select(func.count()).select_from(RecoveryCode).where(*is_unused)).one()
    return State(factor is not None and factor.confirmed_at is not None, codes)


def set_up(session: Session, actor: Actor) -> Setup:
    """Create a secret for a person's phone; it is inactive until a code confirms it. Raises NotAllowed."""
    user = _person(session, actor)
    if state_of(session, user.id).on:
        raise NotAllowed("Your second factor is already on; switch it off first to use another phone.")
    secret = pyotp.random_base32()
    session.merge(SecondFactor(user_id=user.id, secret=_cipher().encrypt(secret)))
    record(session, actor, "factor.set_up", user_id=user.id)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    picture = io.BytesIO()
    segno.make(uri, error="m").save(picture, kind="svg", border=3, light="#fff", xmldecl=False, omitsize=True)
    return Setup(secret, uri, picture.getvalue().decode())


def confirm(session: Session, actor: Actor, form: CodeForm) -> list[str]:
    """Switch the second factor on with a first code, and return the recovery codes, which are shown only once."""
    user = _person(session, actor)
    factor = session.get(SecondFactor, user.id)
    if factor is None or factor.confirmed_at:
        raise NotAllowed("There is nothing to confirm: set up a second factor first.")
    step = _step_of(factor, _plain(form.code))
    if step is None:
        hint = "Enter the six digits that the phone shows now. If they are still wrong, check its clock."
        raise Invalid(f"The code is wrong. {hint}", {"code": hint})
    factor.confirmed_at, factor.last_step = clock.now(), step
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(user.id, code)) for code in codes)
    record(session, actor, "factor.on", user_id=user.id)
    bus.changed(session, user_id=user.id)
    return ["-".join(re.findall("....", code)) for code in codes]


def switch_off(session: Session, actor: Actor, form: OffForm) -> None:
    """Switch the actor's second factor off, after a check of a code or the password. Raises Invalid."""
    user = _person(session, actor)
    if not state_of(session, user.id).on:
        raise NotAllowed("Your second factor is already off.")
    if form.password:
        rate_limits.check(rate_limits.PROOFS, str(user.id))
    by_code = bool(form.code) and check(session, user, form.code or "")
    if not by_code and not (form.password and passwords.matches(user, form.password)):
        hint = "Enter a code from your phone, a recovery code, or your password."
        raise Invalid(f"That is neither a code nor your password. {hint}", {"code": hint})
    _remove(session, user.id, actor, "factor.off", None)


def reset(session: Session, user_id: UUID, actor: Actor, reason: str | None) -> None:
    """Remove the second factor of a person who has lost phone and recovery codes. Raises NotAllowed."""
    if user_id == actor.id:
        raise NotPermitted(
            "You cannot reset your own; switch it off with a code or your password, or ask another admin."
        )
    if session.get(User, user_id) is None:
        raise NotFound(f"There is no user with id {user_id}.")
    if session.get(SecondFactor, user_id) is None:
        raise NotAllowed("This person has no second factor.")
    _remove(session, user_id, actor, "factor.reset", reason)


def check(session: Session, user: User, code: str) -> bool:
    """Use a code; return True once per right code. Raises TooMany after a few wrong ones in a row."""
    factor = session.get(SecondFactor, user.id, populate_existing=True)
    if factor is None or factor.confirmed_at is None:
        return False
    left = factor.locked_until - clock.now() if factor.locked_until else timedelta()
    if timedelta() < left < LOCKED + clock.SKEW:  # longer, and it is of a clock that stood in the future
        seconds = int(left.total_seconds()) + 1
        raise TooMany(f"Too many wrong codes. Try again in {seconds // 60 + 1} minutes.", seconds)
    rate_limits.check(rate_limits.CODES, str(user.id))
    plain = _plain(code)
    step = _step_of(factor, plain)
    accepted = _use_step(session, user.id, step) if step is not None else _use_recovery_code(session, user, plain)
    if not accepted:
        _note_failure(session, user.id)
    return accepted


def _use_step(session: Session, user_id: UUID, step: int) -> bool:
    """Use a code's step; a second request with the same code finds it used."""
    of_the_future = step + len(STEPS) + clock.SKEW // STEP  # used while the clock stood there: it shuts nobody out
    is_unused = or_(col(SecondFactor.last_step) < step, col(SecondFactor.last_step) > of_the_future)
    use_up = update(SecondFactor).where(col(SecondFactor.user_id) == user_id, is_unused)
    use_up = use_up.values(last_step=step, failures=0)
    return session.exec(use_up.returning(col(SecondFactor.user_id))).first() is not None


def _use_recovery_code(session: Session, user: User, code: str) -> bool:
    unused = (col(RecoveryCode.code_hash) == _hash(user.id, code), col(RecoveryCode.used_at).is_(None))
    use_up = update(RecoveryCode).where(*unused).values(used_at=clock.db_now())
    if session.exec(use_up.returning(col(RecoveryCode.user_id))).first() is None:
        return False
    record(session, Actor(user.id, user.email, user.role, "console"), "factor.recovery_used", user_id=user.id)
    return True


def _note_failure(session: Session, user_id: UUID) -> None:
    """Count a wrong code in its own transaction, because the refused request rolls back."""
    with Session(session.get_bind()) as own_session:
        counted = col(SecondFactor.failures) + 1
        is_theirs = col(SecondFactor.user_id) == user_id
        count = update(SecondFactor).where(is_theirs).values(failures=counted).returning(col(SecondFactor.failures))
        failures = own_session.exec(count).first()
        if failures and failures[0] >= MOST_FAILURES:
            lock = update(SecondFactor).where(is_theirs).values(failures=0, locked_until=clock.now() + LOCKED)
            own_session.exec(lock)
        own_session.commit()


def _step_of(factor: SecondFactor, code: str) -> int | None:
    """Return the 30-second step of this code, or None if it is not valid about now."""
    totp = pyotp.TOTP(_cipher().decrypt(factor.secret))
    now = totp.timecode(clock.now())
    matching = [now + off for off in STEPS if hmac.compare_digest(totp.generate_otp(now + off), code)]
    return max(matching, default=None)


def _remove(session: Session, user_id: UUID, actor: Actor, event: str, reason: str | None) -> None:
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    session.exec(delete(SecondFactor).where(col(SecondFactor.user_id) == user_id))
    record(session, actor, event, user_id=user_id, reason=reason)
    bus.changed(session, user_id=user_id)


def _person(session: Session, actor: Actor) -> User:
    user = session.get(User, actor.id) if actor.id else None
    if user is None:
        raise NotAllowed("Only people have a second factor.")
    return user


def _plain(code: str) -> str:
    """Return a code without the spaces and dashes that people type."""
    return re.sub(r"[^a-z0-9]", "", code.lower())


def _hash(user_id: UUID, code: str) -> str:
    return hashlib.sha256(f"{user_id}:{code}".encode()).hexdigest()


def _cipher() -> TokenCipher:
    return TokenCipher(settings().secret_key or "", settings().previous_keys)
