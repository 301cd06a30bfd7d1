"""Which jobs a person asked for: one value that a URL, an API call and a saved view hold alike."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from core.errors import Invalid
from core.jobs.labels import Label
from core.models import JobStatus


def _split(value: object) -> object:
    """Turn `a,b` and repeated parameters into a list; leave everything else to pydantic."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, Sequence):
        return parts
    return [word.strip() for part in parts for word in str(part).split(",") if word.strip()]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


#: PostgreSQL stores no NUL, so none can be looked for.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^\x00]*$")]
_Words = Annotated[_Text | None, BeforeValidator(_blank_is_none)]
_Names = Annotated[frozenset[_Text], BeforeValidator(_split)]
_Id = Annotated[UUID | None, BeforeValidator(_blank_is_none)]
_Time = Annotated[AwareDatetime | None, BeforeValidator(_blank_is_none)]

_WHAT_FITS = {
    "status": "is one or more of " + ", ".join(JobStatus),
    "label": "is one or more of " + ", ".join(Label),
    "created_after": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "created_before": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "connection": "is the id of a connection",
}


class JobFilter(BaseModel):
    """What a list of jobs is narrowed to; every field that is set must fit. An empty one means all jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Annotated[frozenset[JobStatus], BeforeValidator(_split)] = frozenset()
    label: Annotated[frozenset[Label], BeforeValidator(_split)] = frozenset()
    kind: _Names = frozenset()
    queue: _Names = frozenset()
    #: A user's id, or how their e-mail address begins, in any case.
    user: _Words = None
    connection: _Id = None
    #: An error's fingerprint, or words of its type and message; the words' beginnings are enough.
    error: _Words = None
    #: Anything: a job's or user's id, the beginning of an e-mail address, part of a kind, words of an error.
    q: _Words = None
    created_after: _Time = None
    created_before: _Time = None

    @classmethod
    def from_params(cls, params: Mapping[str, str | Sequence[str]]) -> Self:
        """Read a filter from URL query parameters.

        Raises Invalid, naming each field that does not fit and what would.
        """
        try:
            return cls.model_validate(_flat(params))
        except ValidationError as error:
            fields = dict(_sentences(error))
            raise Invalid("; ".join(fields.values()), fields) from None

    def to_params(self) -> dict[str, str]:
        """Return the URL query parameters that `from_params` reads back as an equal filter."""
        return {name: _shown(value) for name, value in self if value}

    def is_empty(self) -> bool:
        """Tell whether every job fits."""
        return not any(value for _, value in self)

    def but(self, **changes: Any) -> Self:
        """Return the same filter with some fields replaced."""
        return self.model_copy(update=changes)


def _flat(params: Mapping[str, str | Sequence[str]]) -> dict[str, object]:
    """Take single values out of their lists, where a field holds only one."""
    many = {"status", "label", "kind", "queue"}
    return {
        name: value if name in many or isinstance(value, str) or len(value) != 1 else value[0]
        for name, value in params.items()
    }


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(str(word) for word in value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _sentences(error: ValidationError) -> Iterator[tuple[str, str]]:
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else "filter"
        if problem["type"] == "extra_forbidden":
            yield name, f"{name} is not a filter; jobs can be filtered by {', '.join(JobFilter.model_fields)}"
        elif name in _WHAT_FITS:
            yield name, f"{name} {_WHAT_FITS[name]}, not {problem['input']!r}"
        else:
            yield name, f"{name} is text of at most 320 characters without NUL"
