"""What the search above the list of jobs offers: names of filters, values with counts, and views while it is empty."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.diagnosis.situation import Situation
from core.job_list.counts import Facets, Total
from core.job_list.language import LISTED, NEGATABLE, QUALIFIERS
from core.job_list.syntax import value_text
from core.job_list.views import ViewLine
from core.models import JobStatus

#: Offers shown at once.
MOST: Final = 8
#: What each filter takes, in a few words.
_HINTS: Final[Mapping[str, str]] = {
    "status": "failed,queued",
    "situation": "stuck, held, waiting …",
    "kind": "demo.enable, or demo.*",
    "user": "an address or its beginning",
    "queue": "a queue's name",
    "error": 'words: "no credit"',
    "created": "<1h, today, 2026-11-20..2026-11-22",
    "took": ">30s, <5m, 10s..1m",
    "waited": ">5m: due, until it began",
    "attempt": "2, >1",
    "by": "who requested it",
    "reason": "words of the reason",
    "arg.": "arg.preset:mid-tier",
    "id": "a job's id or its beginning",
    "finished": "<1h, yesterday, 2026-11-20",
    "label": "scheduled, retrying, orphaned …",
    "connection": "a connection's id",
    "other_than": "a user's id",
    "due": "yes, no",
    "redone": "yes, tried, no",
    "bulk": "jobs of a bulk action's set: its id",
    "from_bulk": "jobs that a bulk action started: its id",
}
#: What each situation means, where the word alone does not say it.
_SITUATIONS: Final[Mapping[str, str]] = {
    "waiting": "goes on by itself",
    "held": "a person stopped it",
    "stuck": "nothing moves it",
    "failed": "and open",
    "handled": "failed, and handled: retried, dismissed or settled",
}


_AGES: Final = ("<1h", "<1d", "<7d", "today", "yesterday")
_SPANS: Final = (">1s", ">10s", ">1m", ">10m")
#: Values of filters that take few, and examples for those that take any.
_FEW: Final[Mapping[str, Sequence[str]]] = {
    "due": ("yes", "no"),
    "redone": ("yes", "tried", "no"),
    "created": _AGES,
    "finished": _AGES,
    "took": _SPANS,
    "waited": _SPANS,
    "attempt": (">1", ">2"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One line: the whole text that choosing it makes of the search, what it says, and beside that a count or hint."""

    text: str
    label: str
    hint: str
    #: Where choosing it leads instead: a view has an order, too.
    href: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it ends with a filter and its value, rather than with a name that waits for one."""
        return self.text.endswith(" ")


def beginnings(views: Iterable[ViewLine]) -> list[Offer]:
    """Return what an empty search offers: the filters up to `id:`, and every view that the person has."""
    return [
        *[*_names("", "", "")][: QUALIFIERS.index("id") + 1],
        *(Offer(view.filter, view.name, view.filter or "all jobs", view.href) for view in views),
    ]


def offers(text: str, counts: Facets, known: Mapping[str, str], shown: Callable[[Total | None], str]) -> list[Offer]:
    """Return what can complete the last word of a text.

    `known` has queues or bulk actions, each with a hint; `shown` puts a count in words.
    """
    last = "" if text[-1:].isspace() else text.split()[-1] if text.strip() else ""
    before = text[: len(text) - len(last)]
    sign = "-" if last.startswith("-") else ""
    name, is_value, value = last.removeprefix("-").partition(":")
    if not last:
        return []
    if not is_value:
        return [*_names(before, sign, name.lower())][:MOST]
    values = _values(name.lower(), counts, known, shown)
    chosen, comma, part = value.rpartition(",")
    start = f"{before}{sign}{name}:{chosen}{comma}"
    return [
        Offer(f"{start}{value_text(each)} ", each, hint)
        for each, hint in _sorted(part.lower(), values)
        if each not in chosen.split(",")
    ][:MOST]


def _names(before: str, sign: str, part: str) -> Iterator[Offer]:
    for name in QUALIFIERS:
        if name.startswith(part) and (not sign or name in (*LISTED, *NEGATABLE)):
            ending = name if name.endswith(".") else f"{name}:"
            yield Offer(f"{before}{sign}{ending}", f"{sign}{ending}", _HINTS[name])


def _values(
    name: str, counts: Facets, known: Mapping[str, str], shown: Callable[[Total | None], str]
) -> Sequence[tuple[str, str]]:
    """Return the values of a filter, each with its count or a hint."""
    if name == "status":
        return [(each.value, shown(counts.get("status", {}).get(each.value))) for each in JobStatus]
    if name == "label":
        every = {**counts.get("label", {}), **counts.get("status", {})}
        return [(each, shown(total)) for each, total in every.items()]
    if name == "kind":
        kinds = sorted(counts.get("kind", {}).items(), key=lambda each: -each[1].value)
        return [(kind, shown(total)) for kind, total in kinds]
    if name in ("queue", "bulk", "from_bulk"):
        return [*known.items()]
    if name == "situation":
        return [(each.value, _SITUATIONS.get(each.value, "")) for each in Situation]
    return [(each, "") for each in _FEW.get(name, ())]


def _sorted(part: str, values: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the values that contain a part, first those that begin with it; one that is written out is none."""
    matching = [each for each in values if part in each[0].lower() and part != each[0].lower()]
    return sorted(matching, key=lambda each: not each[0].lower().startswith(part))
