"""Precedence between two engines of one process: a role or a pooler may have few connections for us."""

import threading
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext

from core.database.engine import NoConnection


def prefer(engine: Engine, other: Engine) -> None:
    """Close the connections of `other` that are idle, or fall idle, while `engine` asks for one and gets none."""
    wanting = threading.Event()

    @event.listens_for(engine, "handle_error")
    def _make_room(failure: ExceptionContext) -> None:
        if isinstance(failure.chained_exception, NoConnection):
            wanting.set()
            other.dispose()

    @event.listens_for(engine, "connect")
    def _stop_wanting(_connection: Any, _record: Any) -> None:
        wanting.clear()

    @event.listens_for(other, "checkin")
    def _give_way(connection: Any, record: Any) -> None:
        if wanting.is_set() and connection is not None:
            record.invalidate()
