"""Looking for alerts as time passes: what is in the database is made older instead of waited for."""

from datetime import timedelta

from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.alerts import watching
from core.alerts.rules import RULES
from core.database.engine import session_scope
from core.models import Alert
from tasks.lookout import Lookout

_OLDER = text("""
    UPDATE alerts SET found_at = found_at - CAST(:by AS interval), since = since - CAST(:by AS interval),
        raised_at = raised_at - CAST(:by AS interval), told_at = told_at - CAST(:by AS interval),
        missing_since = missing_since - CAST(:by AS interval), over_at = over_at - CAST(:by AS interval)
""")
_SNOOZES = text("UPDATE alert_snoozes SET until = until - CAST(:by AS interval)")
_ROUNDS = text("UPDATE shared_rounds SET done_at = NULL")


def look(engine: Engine, *names: str) -> None:
    """Look once, by the rules with these names or all."""
    with session_scope(engine) as session:
        watching.look(session, [rule for rule in RULES if not names or rule.name in names])


def pass_time(engine: Engine, by: timedelta) -> None:
    """Make all alerts and snoozes older."""
    with session_scope(engine) as session:
        session.connection().execute(_OLDER, {"by": by})
        session.connection().execute(_SNOOZES, {"by": by})


def tell(engine: Engine) -> None:
    """Let one process come round: it notes what is to be told, and sends it."""
    with session_scope(engine) as session:
        session.connection().execute(_ROUNDS)
        session.connection().execute(
            text(
                "INSERT INTO shared_rounds (name, done_at) VALUES ('look', now()) "
                "ON CONFLICT (name) DO UPDATE SET done_at = now()"
            )
        )
    lookout = Lookout(engine)
    lookout.watch()
    lookout.send()
    lookout.wait()


def alerts(engine: Engine) -> list[Alert]:
    """Return all alerts, the oldest first."""
    with Session(engine, expire_on_commit=False) as session:
        return list(session.exec(select(Alert).order_by(Alert.found_at, Alert.id)))
