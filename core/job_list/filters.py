"""The filter of the job list: one value, shared by URLs, API calls and saved views."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from core.diagnosis.done_again import Redone
from core.diagnosis.situation import Situation
from core.errors import Invalid
from core.jobs.labels import Label
from core.models import JobStatus
from core.wording import cited, shortened


def _split(value: object) -> object:
    """Turn `a,b` and repeated parameters into a list; pydantic checks everything else."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, Sequence):
        return parts
    return [name.strip() for part in parts for name in str(part).split(",") if name.strip()]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


#: PostgreSQL stores no NUL, so a search cannot contain one.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^\x00]*$")]
_OptionalText = Annotated[_Text | None, BeforeValidator(_blank_is_none)]
_Names = Annotated[frozenset[_Text], BeforeValidator(_split)]
_Id = Annotated[UUID | None, BeforeValidator(_blank_is_none)]
_Time = Annotated[AwareDatetime | None, BeforeValidator(_blank_is_none)]

_ALLOWED = {
    "due": "is yes or no",
    "redone": "is yes, tried or no",
    "status": "is one or more of " + ", ".join(JobStatus),
    "label": "is one or more of " + ", ".join(Label),
    "situation": "is one or more of " + ", ".join(Situation),
    "created_after": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "created_before": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "finished_after": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "finished_before": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "connection": "is the id of a connection",
    "other_than": "is the id of a user",
}


class YesNo(StrEnum):
    """The answer to a question about a job."""

    YES = "yes"
    NO = "no"


class JobFilter(BaseModel):
    """A filter on the job list; every field that is set must match. An empty filter matches all jobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Annotated[frozenset[JobStatus], BeforeValidator(_split)] = frozenset()
    label: Annotated[frozenset[Label], BeforeValidator(_split)] = frozenset()
    situation: Annotated[frozenset[Situation], BeforeValidator(_split)] = frozenset()
    kind: _Names = frozenset()
    queue: _Names = frozenset()
    #: A user's id, or the start of their e-mail address, in any case.
    user: _OptionalText = None
    connection: _Id = None
    #: A user's id: only jobs of other users.
    other_than: _Id = None
    #: An error's fingerprint, or words from its type and message; the start of a word is enough.
    error: _OptionalText = None
    #: Free text: a job's id or its beginning, a user's id, the start of an address, part of a kind, words of an error.
    q: _OptionalText = None
    created_after: _Time = None
    created_before: _Time = None
    finished_after: _Time = None
    finished_before: _Time = None
    #: Only queued jobs: those that are due, or not due yet.
    due: Annotated[YesNo | None, BeforeValidator(_blank_is_none)] = None
    #: Failed jobs whose work another job did again, or is to do again, or all others (core/diagnosis/done_again.py).
    redone: Annotated[Redone | None, BeforeValidator(_blank_is_none)] = None

    @classmethod
    def from_params(cls, params: Mapping[str, str | Sequence[str]]) -> Self:
        """Read a filter from URL query parameters.

        Raises Invalid, naming each invalid field and its allowed values.
        """
        try:
            return cls.model_validate(_flat(params))
        except ValidationError as error:
            fields = dict(_sentences(error))
            raise Invalid("; ".join(fields.values()), fields) from None

    def to_params(self) -> dict[str, str]:
        """Return URL query parameters from which `from_params` restores an equal filter."""
        return {name: _shown(value) for name, value in self if value}

    def is_empty(self) -> bool:
        """Return whether the filter matches every job."""
        return not any(value for _, value in self)

    def but(self, **changes: Any) -> Self:
        """Return a copy of the filter with some fields replaced."""
        return self.model_copy(update=changes)

    def without(self, name: str) -> Self:
        """Return a copy of the filter in which this field matches every job."""
        return self.but(**{name: type(self).model_fields[name].default})


def _flat(params: Mapping[str, str | Sequence[str]]) -> dict[str, object]:
    """Unwrap single values from their lists, for fields that hold only one."""
    many = {"status", "label", "situation", "kind", "queue"}
    return {
        name: value if name in many or isinstance(value, str) or len(value) != 1 else value[0]
        for name, value in params.items()
    }


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(str(choice) for choice in value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _sentences(error: ValidationError) -> Iterator[tuple[str, str]]:
    for problem in error.errors():
        name = shortened(str(problem["loc"][0])) if problem["loc"] else "filter"
        if problem["type"] == "extra_forbidden":
            yield name, f"{name} is not a filter; jobs can be filtered by {', '.join(JobFilter.model_fields)}"
        elif name in _ALLOWED:
            yield name, f"{name} {_ALLOWED[name]}, not {cited(str(problem['input']))}"
        else:
            yield name, f"{name} is text of at most 320 characters without NUL"
