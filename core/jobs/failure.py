"""A job's own failure as data: type, message, traceback, and a fingerprint that groups similar failures."""

import hashlib
import re
import traceback
from dataclasses import dataclass, replace
from typing import Final

from core.errors import GiveUp, JobError, TryAgain
from core.models import WORKER_LOST

#: Maximum stored characters of a message and of a traceback.
MESSAGE_LIMIT = 8_000
TRACEBACK_LIMIT = 32_000

#: What differs among similar failures. Addresses and ids of letters and digits are newer than the rest: until then,
#: each of them made a group of its own, so that no group is split by them.
_VARIABLE = re.compile(
    r"(?<![\w.+:/-])[\w.+-]{1,64}@\w[\w-]*(?:\.[\w-]+)+|0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}"
    r"|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}(?:-[0-9a-f]{4})*\b|\d+"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The stored data of an exception; `final` means that another attempt would not help.

    `after`: the seconds for which another attempt has to wait at least, as the other side has asked.
    """

    type: str
    message: str
    traceback: str
    fingerprint: str
    final: bool = False
    after: float = 0


def failure_of(error: BaseException) -> Failure:
    """Return an exception as data that PostgreSQL accepts, even for an exception that cannot be printed."""
    message = storable(_text_of(error), MESSAGE_LIMIT)
    kind = type(error).__name__
    place = "" if isinstance(error, JobError) else _place_of(error)
    after = error.after if isinstance(error, TryAgain) else 0
    mark = fingerprint(kind, message, place)
    return Failure(kind, message, _traceback_of(error), mark, isinstance(error, GiveUp), after)


def fingerprint(kind: str, message: str, place: str = "") -> str:
    """Return a short hash that similar failures share: of type, place, and message without numbers and ids."""
    shared = f"{kind}|{place}|{_VARIABLE.sub('#', message)[:500]}"
    return hashlib.sha256(shared.encode()).hexdigest()[:16]


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - __str__ may raise anything, and the job must still finish
        return f"{type(error).__name__} (its message cannot be read)"


def _traceback_of(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001
        text = f"{type(error).__name__}: its traceback cannot be read"
    return storable(text[-TRACEBACK_LIMIT:], TRACEBACK_LIMIT)


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].name}" if frames else ""


def storable(text: str, limit: int) -> str:
    """Return the beginning of a text as PostgreSQL takes it: without NUL and halves of characters."""
    return text[:limit].replace("\x00", "").encode("utf-8", "replace").decode()


def lost(message: str) -> Failure:
    """Return the failure of an attempt that a sweep has ended."""
    return Failure(WORKER_LOST, message, "", fingerprint(WORKER_LOST, message))


#: Noted of each attempt whose worker was lost, but the last one. A claim knows by it that a job may kill workers, and
#: so its group is that of the sentence of earlier releases, whose jobs may still wait.
WORKER_GONE: Final = replace(
    lost("The worker that ran this job died or went silent."),
    fingerprint=fingerprint(WORKER_LOST, "The worker that ran this job died or went silent; another one takes over."),
)
