"""What an outside service answers now, as a sentence beside the diagnosis of a job that it has failed."""

from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from core.operations import SERVICES
from core.outside import ask_now
from core.wording import ago


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """One look at a service: what it did wrong, or nothing, and when that was by this process's clock."""

    name: str
    fault: str
    at: float = field(default_factory=monotonic)

    @property
    def age(self) -> float:
        """The seconds since the look."""
        return monotonic() - self.at

    @property
    def sentence(self) -> str:
        """What to read where the service has failed a job."""
        finding = f"still {self.fault}" if self.fault else "answers again"
        return f"{self.name} {finding} (checked {ago(timedelta(seconds=self.age))})."


def check_service(name: str) -> ServiceCheck | None:
    """Ask an outside service, which takes PROBE_SECONDS at most; None: no operation calls it, or it is built in."""
    service = SERVICES.get(name)
    fault = ask_now(service) if service else None
    return None if fault is None else ServiceCheck(name, fault)
