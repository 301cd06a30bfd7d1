"""The sealer: a thread in every worker process that adds what people did to the audit log's hash chain."""

import logging
import random

from sqlalchemy import Engine

from core.audit.chain.keys import chain_keys
from core.audit.chain.seal import seal
from core.settings import settings
from tasks.loop import Loop

log = logging.getLogger(__name__)

#: Seconds between two rounds; until the next, a change by someone who bypasses the triggers goes unnoticed.
LOOK_EVERY = 10.0


class Sealer:
    """Seals every few seconds; one worker at a time does, and the others skip that round."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = Loop("sealer", self.once, _pause, missed="audit log not sealed")

    def start(self) -> None:
        """Begin to seal; without a secret key, nothing is sealed, and `audit verify` says so."""
        if settings().secret_key:
            self._loop.start()
        else:
            log.warning("the audit log is not sealed: UNSTUCK_SECRET_KEY is not set")

    def stop(self) -> None:
        """Stop sealing."""
        self._loop.stop()

    def once(self) -> None:
        """Seal what can be sealed; the log keeps the head, outside of the database, for `audit verify --head`."""
        sealed = seal(self._engine, chain_keys())
        if sealed and sealed.added:
            extra = {"events": sealed.added, "position": sealed.head.position, "head": sealed.head.hash}
            log.info("audit log sealed", extra=extra)


def _pause() -> float:
    return LOOK_EVERY * random.uniform(0.8, 1.0)  # noqa: S311 - spreads many sealers
