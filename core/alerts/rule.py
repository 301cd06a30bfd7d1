"""What a rule of alerts is, what it finds, and what it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sqlmodel import Session, col, select

from core import clock
from core.health import HealthSummary, health_summary
from core.models import Alert
from core.queues.controls import QueueLine, queue_lines


class Facts:
    """What the rules look at: the database at one moment, and the health summary, which several of them need."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now: datetime = session.exec(select(clock.db_now())).one()
        rows = session.exec(select(Alert.rule, Alert.subject).where(col(Alert.over_at).is_(None)))
        self._open = frozenset(rows)

    def is_open(self, rule: str, subject: str = "") -> bool:
        """Tell whether there is an alert already: it lasts until it is right again, not until it could not begin."""
        return (rule, subject) in self._open

    def open_subjects(self, rule: str) -> list[str]:
        """Return what a rule has alerts for."""
        return [subject for name, subject in self._open if name == rule]

    @cached_property
    def queues(self) -> list[QueueLine]:
        """All queues, as their page shows them."""
        return list(queue_lines(self.session))

    @cached_property
    def health(self) -> HealthSummary:
        """The summary that the status bar shows."""
        return health_summary(self.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong now."""

    #: What it is found for: a queue, a schedule, an error; empty where the rule knows one thing alone.
    subject: str = ""
    #: What is wrong and how much of it, without a period at the end.
    sentence: str
    #: The page of the console that shows it.
    href: str
    #: When it began; None: when it was first seen.
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that operators are told of: a new one is its value and a line in core/alerts/rules.py."""

    name: str
    #: What it is about, in a few words.
    label: str
    #: Returns what is wrong now, in a few milliseconds at any size of the history.
    find: Callable[[Facts], list[Finding]]
    #: How long it has to be seen before anybody is told.
    after: timedelta = timedelta()
