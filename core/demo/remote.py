"""The remote demo service: asked one page per step, believed in nothing.

The protocol is docs/demo-service.md.
"""

from collections.abc import Iterator
from datetime import datetime

from core.demo.batch import Batch
from core.demo.presets import Preset
from core.errors import GiveUp


class DemoService:
    """One demo service, at the address that DEMO_SERVICE_URL names."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url, self.timeout = url, timeout

    def batches(self, preset: Preset, seed: str, requested_at: datetime, start: int) -> Iterator[Batch]:
        """Yield the service's batches from unit `start` on."""
        raise GiveUp("The remote demo service is not supported yet; unset DEMO_SERVICE_URL.")
