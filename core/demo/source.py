"""The source of demo rows: the remote demo service if one is configured, else the built-in generator."""

from collections.abc import Callable, Iterator
from datetime import datetime

from core.demo import generator, remote
from core.demo.batch import Batch
from core.demo.presets import Preset
from core.errors import GiveUp
from core.outside import PROBE_SECONDS
from core.settings import settings


def batches(
    preset: Preset, *, seed: str, requested_at: datetime, start: int, is_unwanted: Callable[[], bool]
) -> Iterator[Batch]:
    """Yield the preset's batches from unit `start` on; the same arguments give the same rows.

    Raises TryAgain or GiveUp when a remote demo service fails, Unwanted when the rows are not wanted any more.
    """
    current = settings()
    if not current.demo_service_url:
        return generator.batches(preset, seed, requested_at, start)
    service = remote.DemoService(current.demo_service_url, current.demo_service_timeout_seconds)
    return service.batches(preset, seed, requested_at, start, is_unwanted)


def knows_numbers() -> bool:
    """Return whether the presets' numbers are those of the data: a remote demo service makes as many as it likes."""
    return not settings().demo_service_url


def fault_now() -> str | None:
    """Return what the remote demo service does wrong now, empty for nothing, None where the generator is built in."""
    url = settings().demo_service_url
    if not url:
        return None
    try:
        return remote.DemoService(url, PROBE_SECONDS).fault_now()
    except GiveUp:
        return "has an invalid address in DEMO_SERVICE_URL"
