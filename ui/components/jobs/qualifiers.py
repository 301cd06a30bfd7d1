"""Filters typed into the search, such as status:failed: not searched as text, but offered as what they mean."""

from dataclasses import dataclass
from typing import Final

from core.errors import Invalid
from core.job_list.filters import JobFilter

#: What a person can write before a colon.
NAMES: Final = frozenset(JobFilter.model_fields) - {"q"}


@dataclass(frozen=True, slots=True)
class TypedFilters:
    """The words of a search, and what is a filter among them."""

    #: The words that are searched.
    words: str
    #: The filters as typed: status:failed.
    typed: tuple[str, ...]
    #: What is wrong with them; empty: nothing.
    problem: str = ""

    def applied_to(self, job_filter: JobFilter) -> JobFilter:
        """Return the filter with these in place of the search. Raises Invalid."""
        params = dict(part.split(":", 1) for part in self.typed)
        return JobFilter.from_params({**job_filter.without("q").to_params(), **params, "q": self.words})


def typed_filters(search: str) -> TypedFilters:
    """Return what of a search is words, and what is filters."""
    parts = search.split()
    typed = tuple(part for part in parts if _is_filter(part))
    words = " ".join(part for part in parts if part not in typed)
    filters = TypedFilters(words, typed)
    try:
        filters.applied_to(JobFilter())
    except Invalid as invalid:
        return TypedFilters(words, typed, str(invalid))
    return filters


def _is_filter(part: str) -> bool:
    name, _, value = part.partition(":")
    return name in NAMES and bool(value)
