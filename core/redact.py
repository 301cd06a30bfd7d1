"""Redaction: values under a secret-sounding key are hidden before anything is shown."""

from collections.abc import Mapping
from typing import Any, Final

#: A key that contains one of these, in any case, holds a secret.
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
#: JSON columns whose keys other programs choose.
_OPEN: Final = frozenset({"args", "data", "result"})
HIDDEN: Final = "(hidden)"


def redacted(value: Any) -> Any:
    """Return JSON values with the values of secret keys hidden, at any depth."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if is_secret(key) and inner else redacted(inner) for key, inner in value.items()}
    return [redacted(inner) for inner in value] if isinstance(value, list) else value


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table row for display: JSON columns redacted, all other columns unchanged."""
    return {name: redacted(value) if name in _OPEN else value for name, value in row.items()}


def hidden_names(args: Any) -> set[str]:
    """Return the names of the arguments that a browser does not see, whole or in part."""
    seen = redacted(args) if isinstance(args, Mapping) else {}
    return {name for name, value in seen.items() if HIDDEN in str(value)}


def is_secret(key: object) -> bool:
    """Return whether a value under this key is hidden."""
    name = str(key).lower()
    return any(secret in name for secret in SECRET_KEYS)
