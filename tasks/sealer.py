"""The sealer: a thread in every worker process that adds what people did to the audit log's hash chain."""

import logging
import random
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.audit.chain.keys import chain_keys
from core.audit.chain.seal import seal
from core.settings import settings

log = logging.getLogger(__name__)

#: Seconds between two rounds; until the next, a change by someone who bypasses the triggers goes unnoticed.
LOOK_EVERY = 10.0


class Sealer:
    """Seals every few seconds; one worker at a time does, and the others skip that round."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sealer", daemon=True)

    def start(self) -> None:
        """Begin to seal; without a secret key, nothing is sealed, and `audit verify` says so."""
        if settings().secret_key:
            self._thread.start()
        else:
            log.warning("the audit log is not sealed: UNSTUCK_SECRET_KEY is not set")

    def stop(self) -> None:
        """Stop sealing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def once(self) -> None:
        """Seal what can be sealed; the log keeps the head, outside of the database, for `audit verify --head`."""
        sealed = seal(self._engine, chain_keys())
        if sealed and sealed.added:
            extra = {"events": sealed.added, "position": sealed.head.position, "head": sealed.head.hash}
            log.info("audit log sealed", extra=extra)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY * random.uniform(0.8, 1.0)):  # noqa: S311 - spreads many sealers
            try:
                self.once()
            except SQLAlchemyError as error:
                log.warning("audit log not sealed", extra={"error": str(error).split("\n")[0]})
