"""The filter of the job list: one value, shared by URLs, API calls, the command line and bulk actions.

As parameters, each field stands by itself; as a text, in the language of core/job_list/language.py, which `q` is in.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from core.clock import ZonedTime
from core.database.text import ids_beginning
from core.diagnosis.done_again import Redone
from core.diagnosis.situation import Situation
from core.errors import Invalid, NotAFilter
from core.job_list import language
from core.job_list.ranges import NumberRange, SpanRange, number_range, span_range
from core.job_list.syntax import value_text
from core.jobs.labels import Label
from core.models import JobStatus
from core.wording import cited, shortened


def _split(value: object) -> object:
    """Turn `a,b` and repeated parameters into a list; pydantic checks everything else."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, Sequence):
        return parts
    return [name.strip() for part in parts for name in str(part).split(",") if name.strip()]


def _beginning_of_id(value: str | None) -> str | None:
    """Refuse what begins no id, or those of more jobs than a moment has."""
    if value and (len(value) < FEWEST_OF_ID or not ids_beginning(value)):
        raise ValueError("no id")
    return value


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


#: PostgreSQL stores no NUL, so a search cannot contain one.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^\x00]*$")]
_OptionalText = Annotated[_Text | None, BeforeValidator(_blank_is_none)]
#: Characters from which on a text may be the beginning of a job's id; customers are told thirteen.
FEWEST_OF_ID: Final = 9
_JobId = Annotated[_OptionalText, AfterValidator(_beginning_of_id)]
#: Values of one filter, at most.
MOST_VALUES: Final = 100
_Names = Annotated[frozenset[_Text], BeforeValidator(_split), Field(max_length=MOST_VALUES)]
_Id = Annotated[UUID | None, BeforeValidator(_blank_is_none)]
_Time = Annotated[ZonedTime | None, BeforeValidator(_blank_is_none)]
_Span = Annotated[SpanRange | None, BeforeValidator(span_range)]
_Number = Annotated[NumberRange | None, BeforeValidator(number_range)]


def _arguments(value: object) -> object:
    """Read `preset:mid-tier size:"a b"`; a secret is refused by its name."""
    if not isinstance(value, str):
        return value
    terms = [*language.arguments(value)]
    return frozenset((term.name, term.text) for term in terms)


_Arguments = Annotated[frozenset[tuple[_Text, _Text]], BeforeValidator(_arguments)]

_RANGE = "is a range of spans such as <1h, >30s or 30s..2m"
_ALLOWED = {
    "created": _RANGE,
    "finished": _RANGE,
    "took": _RANGE,
    "waited": _RANGE,
    "attempt": "is a number or a range such as >1 or 2..5",
    "arg": "is the name of an argument that is not hidden and its value, such as preset:mid-tier",
    "due": "is yes or no",
    "redone": "is yes, tried or no",
    "status": "is one or more of " + ", ".join(JobStatus),
    "label": "is one or more of " + ", ".join(Label),
    "situation": "is one or more of " + ", ".join(Situation),
    "created_after": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "created_before": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "finished_after": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "finished_before": "is a time with its zone, such as 2026-11-20T14:02:00Z",
    "id": f"is the id of a job, or at least its first {FEWEST_OF_ID} characters",
    "connection": "is the id of a connection",
    "other_than": "is the id of a user",
    "bulk": "is the id of a bulk action",
    "from_bulk": "is the id of a bulk action",
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
    #: Names, or patterns such as demo.*
    kind: _Names = frozenset()
    queue: _Names = frozenset()
    not_kind: _Names = frozenset()
    not_queue: _Names = frozenset()
    #: A user's id, the start of their e-mail address, or a part of it or of their name; see people.py.
    user: _OptionalText = None
    #: The same: only jobs of other users, and of none.
    not_user: _OptionalText = None
    connection: _Id = None
    #: A bulk action's id: the jobs of its set, or those that it has started.
    bulk: _Id = None
    from_bulk: _Id = None
    #: The job's own id, or its beginning.
    id: _JobId = None
    #: A user's id: only jobs of other users.
    other_than: _Id = None
    #: An error's fingerprint, or words from its type and message; the start of a word is enough.
    error: _OptionalText = None
    #: Free text: a job's id or its beginning, a user as above, part of a kind, words of an error.
    q: _OptionalText = None
    #: How long ago it was created, and ended.
    created: _Span = None
    finished: _Span = None
    #: How long its work lasted, or has lasted so far, and how long it had been due when that began.
    took: _Span = None
    waited: _Span = None
    attempt: _Number = None
    #: Who requested it: a user's id, or the start of their e-mail address; and words of the reason.
    by: _OptionalText = None
    reason: _OptionalText = None
    #: Arguments by name, with their value as text.
    arg: _Arguments = frozenset()
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
        """Read a filter from URL query parameters; `q` is in the filter language.

        Raises Invalid, naming each invalid field and its allowed values, or NotAFilter with the place in `q`.
        """
        try:
            return cls._read(params)
        except NotAFilter as refusal:
            raise refusal.within(str(params.get("q"))) from None

    @classmethod
    def _read(cls, params: Mapping[str, str | Sequence[str]]) -> Self:
        given = _flat(params)
        typed = language.read(str(given.pop("q"))) if isinstance(given.get("q"), str) else language.Reading()
        if twice := [name for name in typed.params if given.get(name)]:
            raise NotAFilter(f"{twice[0]} is given in q and as a parameter", *typed.places[twice[0]])
        try:
            return cls.model_validate({**given, **typed.params})
        except ValidationError as error:
            fields = dict(_sentences(error))
            if place := next((typed.places[name] for name in fields if name in typed.places and name != "q"), None):
                raise NotAFilter("; ".join(fields.values()), *place) from None
            raise Invalid("; ".join(fields.values()), fields) from None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a filter from a text in the filter language. Raises NotAFilter, or Invalid for its words."""
        return cls.from_params({"q": text})

    def to_text(self) -> str:
        """Return the text, in a fixed order, from which `from_text` restores an equal filter."""
        return language.written({name: _shown(value) for name, value in self if value})

    def to_params(self) -> dict[str, str]:
        """Return URL query parameters from which `from_params` restores an equal filter."""
        return {name: language.free_text(value) if name == "q" else _shown(value) for name, value in self if value}

    def has_kind(self, kind: str, queue: str) -> bool:
        """Return whether jobs of this kind in this queue can match."""
        return (
            (not self.kind or _is_among(kind, self.kind))
            and (not self.queue or _is_among(queue, self.queue))
            and not _is_among(kind, self.not_kind)
            and not _is_among(queue, self.not_queue)
        )

    def names_kind(self, kind: str) -> bool:
        """Return whether this kind is chosen, by its name or by a pattern."""
        return _is_among(kind, self.kind)

    def is_of_kinds(self) -> bool:
        """Return whether only some kinds or queues can match."""
        return bool(self.kind or self.queue or self.not_kind or self.not_queue)

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
    many = {"status", "label", "situation", "kind", "queue", "not_kind", "not_queue"}
    return {
        name: value if name in many or isinstance(value, str) or len(value) != 1 else value[0]
        for name, value in params.items()
    }


def _is_among(name: str, patterns: frozenset[str]) -> bool:
    return name in patterns or any(_pattern(pattern).fullmatch(name) for pattern in patterns if "*" in pattern)


@lru_cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", text))), re.DOTALL)


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        if any(isinstance(choice, tuple) for choice in value):
            return " ".join(f"{name}:{value_text(text)}" for name, text in sorted(value))
        return ",".join(sorted(str(choice) for choice in value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _sentences(error: ValidationError) -> Iterator[tuple[str, str]]:
    for problem in error.errors():
        name = shortened(str(problem["loc"][0])) if problem["loc"] else "filter"
        if problem["type"] == "extra_forbidden":
            yield name, f"{name} is not a filter; jobs can be filtered by {', '.join(JobFilter.model_fields)}"
        elif problem["type"] == "too_long":
            yield name, f"{name} has at most {MOST_VALUES} values"
        elif name in _ALLOWED:
            yield name, f"{name} {_ALLOWED[name]}, not {cited(str(problem['input']))}"
        else:
            yield name, f"{name} is text of at most 320 characters without NUL"
