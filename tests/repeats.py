"""Values of one promise: some in every run, the others in `make faults`."""

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], *, fast: int) -> list[Any]:
    """Return the values of a parameter (tuples of values of several), all but the first `fast` marked as slow."""
    some = list(values)
    return some[:fast] + [pytest.param(*_parts(value), marks=pytest.mark.slow) for value in some[fast:]]


def _parts(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else (value,)  # a named tuple is one value
