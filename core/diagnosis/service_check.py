"""What an outside service answers now, as a sentence beside the diagnosis of a job that it has failed."""

from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from core import outside
from core.operations import SERVICES
from core.wording import ago


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """One look at a service: what it did wrong, or nothing, and when that was by this process's clock."""

    name: str
    fault: str
    #: No answer came in time, which is no fault yet: jobs wait longer for one than people do.
    is_slow: bool = False
    at: float = field(default_factory=monotonic)

    @property
    def age(self) -> float:
        """The seconds since the look."""
        return monotonic() - self.at

    @property
    def is_down(self) -> bool:
        """Whether it fails: another request now would very likely fail, too."""
        return bool(self.fault) and not self.is_slow

    @property
    def sentence(self) -> str:
        """What to read where the service has failed a job: nothing of what later requests would get."""
        finding = self.fault or "answers a first request now"
        return f"{self.name} {finding} (checked {ago(timedelta(seconds=self.age))})."


def check_service(name: str) -> ServiceCheck | None:
    """Ask an outside service, which takes PROBE_SECONDS at most; None: no operation calls it, or it is built in."""
    service = SERVICES.get(name)
    try:
        fault = outside.ask_now(service) if service else None
    except TimeoutError:
        slow = f"answers slowly or not at all (no answer within {outside.PROBE_SECONDS:g} s)"
        return ServiceCheck(name, slow, is_slow=True)
    return None if fault is None else ServiceCheck(name, fault)
