"""What an outside service answers now, as a sentence beside the diagnosis of a job that it has failed."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic
from typing import Final

from core import outside
from core.diagnosis.answer import Diagnosis
from core.operations import SERVICES
from core.wording import ago

#: Remedies that let a job ask its service again.
_ASK_AGAIN: Final = frozenset({"job.retry", "job.start_now"})


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


def after_check(diagnosis: Diagnosis, check: ServiceCheck | None) -> Diagnosis:
    """Return a diagnosis as a look at its service leaves it; without a look, as it is.

    Nothing that the service refuses is recommended; what it refused for good can be done again where it is mended.
    """
    if check is None:
        return diagnosis
    if not check.fault and (mended := diagnosis.if_mended):
        same = {name: getattr(diagnosis, name) for name in ("for_admins", "alike", "service")}
        return Diagnosis.of(diagnosis.situation, replace(mended, **same))
    remedy = diagnosis.remedy
    if not check.is_down or remedy is None or remedy.command not in _ASK_AGAIN:
        return diagnosis
    later = replace(remedy, effect=f"{check.name} {check.fault} now. {remedy.effect}")
    return replace(diagnosis, remedy=None, others=(later, *diagnosis.others))
