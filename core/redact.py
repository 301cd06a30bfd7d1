"""What is shown of values that may hold secrets: everything but what is kept under a name that says so."""

from collections.abc import Mapping
from typing import Any, Final

#: A key that contains one of these, in any case, holds what nobody should read over somebody's shoulder.
SECRET_KEYS: Final = (
    "token",
    "secret",
    "password",
    "passphrase",
    "credential",
    "key",
    "authorization",
    "cookie",
)
#: Columns that hold what others put in, under names of their choice.
_OPEN: Final = frozenset({"args", "data", "result"})
HIDDEN: Final = "(hidden)"


def redacted(value: Any) -> Any:
    """Return JSON values as they are, but with what secret keys hold hidden, at any depth."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if _is_secret(key) and inner else redacted(inner) for key, inner in value.items()}
    return [redacted(inner) for inner in value] if isinstance(value, list) else value


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table as it may be shown: its own columns as they are, what others put into it redacted."""
    return {name: redacted(value) if name in _OPEN else value for name, value in row.items()}


def _is_secret(key: object) -> bool:
    words = str(key).lower()
    return any(word in words for word in SECRET_KEYS)
