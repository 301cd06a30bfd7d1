"""What a rule of alerts is, what it finds, and what it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sqlmodel import Session, select

from core import clock
from core.health import HealthSummary, health_summary


class Facts:
    """What the rules look at: the database at one moment, and the health summary, which several of them need."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now: datetime = session.exec(select(clock.db_now())).one()

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
