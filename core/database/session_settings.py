"""Settings of a database session that change the meaning of statements or values: pinned, whatever the server's are.

A database, a role or a server may have other defaults (ALTER DATABASE … SET). The isolation level is not among these:
each BEGIN says it.
"""

import re
from collections.abc import Mapping
from typing import Final

from core.address import escaped

PINNED: Final[Mapping[str, str]] = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # By default PostgreSQL compiles plans that it expects to be expensive. Versions 14 to 17 expect it of batch
    # statements, which run with some planner methods off: each claim took 600 ms or more instead of 0.3.
    "jit": "off",
}
#: Other names of the same time zone, so that a pooler's sessions are not set again for a name.
_SAME: Final = {"Etc/UTC": "UTC", "GMT": "UTC", "Etc/GMT": "UTC"}
_WITH_UNIT: Final = re.compile(r"\d+ ?[A-Za-z]+")
_OPTION: Final = re.compile(r"(?:^|\s)(?:-c\s*|--)(\w+(?:\.\w+)?)=((?:\\.|[^\s\\])*)")


def as_options(settings: Mapping[str, str]) -> str:
    """Return settings as libpq's `options`."""
    return " ".join(f"-c {name}={escaped(value)}" for name, value in settings.items())


def from_options(options: str) -> dict[str, str]:
    """Return the settings that libpq's `options` have; names in lower case, the last one of a name."""
    return {name.lower(): re.sub(r"\\(.)", r"\1", value) for name, value in _OPTION.findall(options)}


def as_statement(settings: Mapping[str, str]) -> str:
    """Return the statement that applies settings to one transaction."""
    calls = ["set_config('{}', '{}', true)".format(name, value.replace("'", "''")) for name, value in settings.items()]
    return f"SELECT {', '.join(calls)}"


def are_met(settings: Mapping[str, str], present: Mapping[str, str]) -> bool:
    """Tell whether a session already has these settings; values with a unit are shown without, and not compared."""
    compared = {name: value for name, value in settings.items() if not _WITH_UNIT.fullmatch(value)}
    return all(_SAME.get(present.get(name, ""), present.get(name)) == value for name, value in compared.items())
