"""What a page of figures shows: its choice as an address, and the addresses of the jobs that its numbers count."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode

from core.analytics.figures import Analytics, By
from core.analytics.spans import Choice, Span, TimeRange
from core.errors import Invalid
from core.job_list.addresses import jobs_with
from core.models import WORKER_LOST

E = TypeVar("E", bound=StrEnum)

#: The filter of all jobs that have ended.
FINISHED: Final = {"status": "succeeded,failed,cancelled"}
SUCCEEDED: Final = {"status": "succeeded"}
FAILED: Final = {"status": "failed"}
CANCELLED: Final = {"status": "cancelled"}
LOST: Final = {"status": "failed", "error": WORKER_LOST}


@dataclass(frozen=True, slots=True)
class AnalyticsView:
    """What is shown, and what each line of the table is about."""

    choice: Choice
    by: By = By.KIND

    @classmethod
    def of(cls, params: dict[str, str]) -> Self:
        """Read a view from the parameters of its address. Raises Invalid."""
        start, stop = _moment(params, "since"), _moment(params, "until")
        preset = None if start or stop else _one_of(TimeRange, params, "range", TimeRange.DAY)
        version = params.get("version") or None
        choice = Choice(preset, start, stop, params.get("kind", ""), params.get("queue", ""), version)
        return cls(choice, _one_of(By, params, "by", By.KIND))

    def params(self) -> dict[str, str]:
        """Return the parameters from which `of` makes the same view."""
        choice = self.choice
        times = {"since": choice.start, "until": choice.stop} if choice.preset is None else {}
        values: dict[str, Any] = {
            "range": choice.preset if choice.preset is not TimeRange.DAY else "",
            **{name: at.isoformat() for name, at in times.items() if at},
            "by": self.by if self.by is not By.KIND else "",
            "kind": choice.kind,
            "queue": choice.queue,
            "version": choice.version,
        }
        return {name: str(value) for name, value in values.items() if value}

    def address(self) -> str:
        """Return the address of the page that shows this."""
        return f"/analytics?{urlencode(self.params())}".rstrip("?")

    def file_address(self) -> str:
        """Return the address of its lines as a file."""
        params = self.params()
        renamed = {"since": "from", "until": "to"}
        return f"/api/analytics/export?{urlencode({renamed.get(name, name): params[name] for name in params})}"

    def but(self, **changes: Any) -> "AnalyticsView":
        """Return the view with another choice."""
        return replace(self, choice=replace(self.choice, **changes))

    def during(self, preset: TimeRange) -> "AnalyticsView":
        """Return the view of another time."""
        return self.but(preset=preset, start=None, stop=None)

    @property
    def words(self) -> str:
        """Return the length of its time as people read it."""
        return self.choice.preset.words if self.choice.preset else "same time"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The addresses of the jobs that the numbers of a page count."""

    view: AnalyticsView
    found: Analytics

    @property
    def are_comparable(self) -> bool:
        """Tell whether there are figures of all the time before."""
        return self.found.since <= self.found.span.before.start

    def of(self, where: dict[str, str], span: Span | None = None, **of: str) -> str | None:
        """Return the address of exactly the jobs that a number counts.

        None: no filter says which they are (a version), or some of them may have been deleted.
        """
        span, choice = span or self.found.span, self.view.choice
        is_gone = self.found.gone_before and span.start < self.found.gone_before
        if choice.version is not None or is_gone:
            return None
        chosen = {name: value for name in ("kind", "queue") if (value := getattr(choice, name))}
        ended = {"finished_after": span.start.isoformat(), "finished_before": span.stop.isoformat()}
        return jobs_with({**chosen, **of, **where, **ended})

    def of_line(self, where: dict[str, str], name: str, span: Span | None = None) -> str | None:
        """Return the address of the jobs of one line of the table."""
        return None if self.found.by is By.VERSION else self.of(where, span, **{self.found.by.value: name})


def _one_of(options: type[E], params: dict[str, str], name: str, usual: E) -> E:
    text = params.get(name, "")
    if not text:
        return usual
    if text not in {each.value for each in options}:
        raise Invalid(f"Unknown {name} in the URL.", {name: f"Use one of {', '.join(options)}."})
    return options(text)


def _moment(params: dict[str, str], name: str) -> datetime | None:
    text = params.get(name, "")
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        at = None
    if text and (at is None or at.tzinfo is None):
        raise Invalid(f"Unknown {name} in the URL.", {name: "Use a time with its zone, such as 2026-11-20T14:00:00Z."})
    return at
