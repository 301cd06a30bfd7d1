"""The answer of a diagnosis: the operator's and the customer's sentence, the evidence, and what helps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from core.diagnosis.situation import Situation


@dataclass(frozen=True, slots=True)
class Remedy:
    """A recommended command: its target and arguments, the button's label, and what it does."""

    command: str
    target: UUID | None
    label: str
    effect: str
    args: Mapping[str, Any] = field(default_factory=dict)
    #: The page of the console on which a person chooses what the command needs besides; empty: it runs as it stands.
    href: str = ""


@dataclass(frozen=True, slots=True)
class CountedJobs:
    """A sentence that counts, and the filter that finds exactly the jobs that it counts, by its parameters."""

    sentence: str
    jobs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Two sentences made from the same facts, the evidence for the operator's, and what helps, if anything is needed.

    `sentence` is what support can say to a colleague; `customer` is what the creator reads: what it means for them and
    what they can do, without names of hosts, classes, queues or people.
    """

    sentence: str
    customer: str
    evidence: tuple[str, ...] = ()
    #: The recommended remedy.
    remedy: Remedy | None = None
    #: What helps instead, for example those who have no right to the remedy.
    others: tuple[Remedy, ...] = ()
    #: A message to the admins about what only they can change, ready to send.
    for_admins: str = ""
    #: The page on which the customer does what only they can, as a path: its link is for them; empty: it is not theirs.
    owners_page: str = ""
    #: Which other users are in the same trouble; customers read that they are not alone, without numbers.
    alike: tuple[CountedJobs, ...] = ()
    #: The outside service whose failure this is, whether or not another attempt can help: it can be asked now.
    service: str = ""
    #: What is so instead where that service answers properly now.
    if_mended: "Explanation | None" = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The situation of a job or user, and its explanation; the fields are those of Explanation."""

    situation: Situation
    sentence: str
    customer: str
    evidence: tuple[str, ...] = ()
    remedy: Remedy | None = None
    others: tuple[Remedy, ...] = ()
    for_admins: str = ""
    owners_page: str = ""
    alike: tuple[CountedJobs, ...] = ()
    service: str = ""
    if_mended: Explanation | None = None

    @property
    def has_remedy(self) -> bool:
        """Whether something is recommended: a command, a message to the admins, or a page for the customer."""
        return bool(self.remedy or self.for_admins or self.owners_page)

    @classmethod
    def of(cls, situation: Situation, explanation: Explanation) -> Self:
        """Return the diagnosis with this explanation."""
        return cls(situation, *(getattr(explanation, each.name) for each in fields(explanation)))
