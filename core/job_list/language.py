"""The filter language of the list of jobs, the same in the search field, in `q` of URLs and the API, and in the CLI.

    status:failed kind:demo.* -queue:maintenance user:ana created:<1h took:>30s error:"no credit" arg.preset:mid words

Each qualifier becomes a parameter of the list, as core/job_list/filters.py has them, and the words become `q`; so a
text has one meaning wherever it is written. docs/console.md explains the language to its readers.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from core.diagnosis.situation import Situation
from core.errors import NotAFilter
from core.job_list.ranges import is_span, moments, moments_text, number_range
from core.job_list.syntax import ARGUMENT, Term, is_operator, list_text, quoted, terms_in, unknown, value_text
from core.jobs.labels import Label
from core.models import JobStatus
from core.redact import is_secret
from core.wording import cited

#: Characters of a text at most.
LONGEST: Final = 2_000
#: Qualifiers whose negation is written as all their other values.
_CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "status": tuple(JobStatus),
    "label": tuple(Label),
    "situation": tuple(Situation),
}
#: Other qualifiers that can be negated, and those of the two kinds that take several values.
NEGATABLE: Final = ("kind", "queue", "user")
LISTED: Final = (*_CLOSED, "kind", "queue")
#: Ages or times: created:<1h, created:2026-11-20..2026-11-22.
_TIMES: Final = ("created", "finished")
#: Qualifiers as a person meets them, in the order in which they are offered.
QUALIFIERS: Final = (
    *("status", "situation", "kind", "user", "queue", "error", "created", "took", "waited", "attempt", "by", "reason"),
    *("arg.", "id", "finished", "label", "connection", "other_than", "due", "redone", "bulk", "from_bulk"),
)
#: Parameters that the language has, too, for who knows them from an address.
_PARAMETERS: Final = ("created_after", "created_before", "finished_after", "finished_before")
_NAMES: Final = frozenset((*QUALIFIERS, *_PARAMETERS)) - {"arg."}
#: What is compared as other languages write it: attempt>2, status=failed. Pasted words such as error=5 are text.
_COMPARED: Final = re.compile(
    r"(status|label|situation|attempt|took|waited|created|finished|duration|requested|age)(=|[<>]=?)(.+)", re.I | re.A
)
#: Filters by what columns and other consoles call them.
_MEANT: Final[Mapping[str, str]] = {
    "duration": "took",
    "requested": "created",
    "age": "created",
    "since": "created",
    "email": "user",
    "mail": "user",
    "type": "kind",
    "state": "status",
    "tries": "attempt",
    "attempts": "attempt",
    "args": "arg.NAME",
    "arguments": "arg.NAME",
}


@dataclass(slots=True)
class Reading:
    """The parameters that a text means, and the characters that each of them is from."""

    params: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Values that are taken away from those of a qualifier that has only so many.
    excluded: dict[str, set[str]] = field(default_factory=dict)


def read(text: str) -> Reading:
    """Return what a text means; whether its values are possible is for the filter to say. Raises NotAFilter."""
    if len(text) > LONGEST:
        raise NotAFilter(f"A filter has at most {LONGEST:,} characters", LONGEST, len(text))
    reading, words = Reading(), []
    for term in terms_in(text, _NAMES):
        if term.name:
            _read_term(term, reading)
        elif meant := _comparison(term):
            raise _wrong(term, f'To compare, write {meant}; in quotes, "{term.text}" is searched as text')
        else:
            words.append(term)
    _apply_exclusions(reading)
    if words:
        reading.params["q"] = " ".join(word.text for word in words)
        reading.places["q"] = (words[0].start, words[-1].end)
    return reading


def written(params: Mapping[str, str]) -> str:
    """Return the text from which `read` has these parameters: in a fixed order, the words last."""
    return " ".join(_texts(params))


def _texts(params: Mapping[str, str]) -> Iterator[str]:
    for name in QUALIFIERS:
        for prefix, value in (("", params.get(name, "")), ("-", params.get(f"not_{name}", ""))):
            if value:
                yield f"{prefix}{name}:{_values_text(name, value)}"
        if name in _TIMES and (params.get(f"{name}_after") or params.get(f"{name}_before")):
            yield f"{name}:{_moments_text(params, name)}"
        if name == "arg." and params.get("arg"):
            yield from (f"arg.{term.name}:{value_text(term.text)}" for term in arguments(params["arg"]))
    if params.get("q"):
        yield free_text(params["q"])


def _values_text(name: str, value: str) -> str:
    return list_text(value.split(",")) if name in LISTED else value_text(value)


def _moments_text(params: Mapping[str, str], name: str) -> str:
    after, before = (params.get(f"{name}_{end}") for end in ("after", "before"))
    return moments_text(*(datetime.fromisoformat(end) if end else None for end in (after, before)))


def free_text(text: str) -> str:
    """Return free text as the language has it: as it is, or in quotes where it would mean something."""
    try:
        terms = [*terms_in(text, _NAMES)]
    except NotAFilter:
        return quoted(text)
    has_meaning = any(term.name or term.is_quoted or is_operator(term) or _comparison(term) for term in terms)
    return quoted(text) if has_meaning or " ".join(term.text for term in terms) != text else text


def _comparison(term: Term) -> str | None:
    """Return the filter that is meant by a word such as attempt>2, if it is one; otherwise the word is text."""
    compared = None if term.is_quoted else _COMPARED.fullmatch(term.text)
    if compared is None:
        return None
    name, value = compared[1].lower(), compared[2].lstrip("=") + compared[3]
    name = _MEANT.get(name, name)
    return f"{name}:{value}" if _is_value(name, value) else None


def _is_value(name: str, value: str) -> bool:
    if name in _CLOSED:
        return value in _CLOSED[name]
    try:
        read_value = number_range(value) if name == "attempt" else moments(value) if name in _TIMES else None
    except ValueError:
        read_value = None
    return read_value is not None or (name != "attempt" and is_span(value))


def _read_term(term: Term, reading: Reading) -> None:
    if term.name.lower().startswith("arg.") and len(term.name) > len("arg."):
        return _read_argument(term, reading)
    if (name := term.name.lower()) not in _NAMES:
        raise unknown(term.name, nearest(name, (*_NAMES, "arg.NAME")), term.start, term.end)
    return _read_known(replace(term, name=name), reading)


def _read_known(term: Term, reading: Reading) -> None:
    if not term.text:
        message = f"{term.name} needs a value right after the colon; in quotes it is searched as text"
        raise _wrong(term, message)
    if term.is_list and term.name not in LISTED:
        raise _wrong(term, f"{term.name} takes one value; these take several: {', '.join(LISTED)}")
    if term.name in LISTED and '"' in term.text and not term.is_quoted:
        raise _wrong(term, "Several values are all in quotes, or none is")
    if term.is_negated:
        return _exclude(term, reading)
    if term.name in _TIMES and not is_span(term.text):
        return _read_moments(term, reading)
    return _set(reading, term, term.name, ",".join(term.values) if term.name in LISTED else term.text)


def arguments(text: str) -> Iterator[Term]:
    """Yield the arguments of `preset:mid-tier size:"a b"`. Raises ValueError."""
    try:
        for term in terms_in(text, (), ARGUMENT):
            if not (term.name and term.text) or term.is_list or term.is_negated or is_secret(term.name):
                raise ValueError("no argument")
            yield term
    except NotAFilter as error:
        raise ValueError(error.message) from error


def _read_argument(term: Term, reading: Reading) -> None:
    name = term.name[len("arg.") :]
    if term.is_negated or term.is_list or not term.text:
        raise _wrong(term, f"{term.name} takes one value, which jobs have to have")
    if is_secret(name):
        raise _wrong(term, f"{term.name} is hidden, so no job is found by it")
    argument = f"{name}:{value_text(term.text)}"
    reading.params["arg"] = " ".join(filter(None, (reading.params.get("arg"), argument)))
    reading.places["arg"] = term.start, term.end


def _exclude(term: Term, reading: Reading) -> None:
    if term.name in _CLOSED:
        if unknown_value := next((value for value in term.values if value not in _CLOSED[term.name]), None):
            raise _wrong(term, f"{term.name} is one of {', '.join(_CLOSED[term.name])}, not {cited(unknown_value)}")
        reading.excluded.setdefault(term.name, set()).update(term.values)
        reading.places.setdefault(term.name, (term.start, term.end))
        return
    if term.name not in NEGATABLE:
        raise _wrong(term, f"-{term.name} is not possible; these can be negated: {', '.join((*_CLOSED, *NEGATABLE))}")
    name = f"not_{term.name}"
    if name in reading.params and term.name in LISTED:  # all of them are excluded
        reading.params[name] += "," + ",".join(term.values)
        return
    _set(reading, term, name, ",".join(term.values) if term.name in LISTED else term.text)


def _apply_exclusions(reading: Reading) -> None:
    for name, values in reading.excluded.items():
        given = reading.params.get(name)
        left = [value for value in (given.split(",") if given else _CLOSED[name]) if value not in values]
        if not left:
            raise NotAFilter(f"No {name} is left, so that nothing can match", *reading.places[name])
        reading.params[name] = ",".join(left)


def _read_moments(term: Term, reading: Reading) -> None:
    try:
        after, before = moments(term.text)
    except ValueError:
        message = (
            f"{term.name} is an age such as <1h or 2d..7d, a day such as today, or times such as "
            f"2026-11-20..2026-11-22 or >=2026-11-20T14:02Z, not {cited(term.text)}"
        )
        raise _wrong(term, message) from None
    for end, moment in (("after", after), ("before", before)):
        if moment is not None:
            _set(reading, term, f"{term.name}_{end}", moment.isoformat())


def _set(reading: Reading, term: Term, name: str, value: str) -> None:
    if name in reading.params:
        several = "; several values are written as " + f"{term.name}:one,two" if term.name in LISTED else ""
        raise _wrong(term, f"{term.name} is there twice{several}")
    reading.params[name] = value
    reading.places[name] = term.start, term.end


def _wrong(term: Term, message: str) -> NotAFilter:
    return NotAFilter(message, term.start, term.end)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that a person may have meant."""
    return _MEANT.get(name) or next(iter(difflib.get_close_matches(name, sorted(names), 1)), None)
