"""Where database, broker and console are: external, those of a program running on this machine, or embedded here."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.address import with_schema
from core.local.embedded import Services, embedded, running
from core.local.folders import absolute, holder
from core.settings import settings

#: The file in the data directory that holds the address of the console.
_NOTE = "console"


@contextmanager
def services(*, hold: bool = False) -> Iterator[Services]:
    """Yield the servers' addresses, starting for the time of the block what does not run yet.

    With `hold`, this program must hold the data directory itself, as `run` does; beside a database embedded here, the
    sandbox runs too. Raises Unusable.
    """
    configured = settings()
    if configured.database_url and configured.redis_url:
        yield _with_external(Services("", ""))
        return
    already_running = None if hold else running(configured.data_dir)
    if already_running:
        yield _with_external(already_running)
        return
    postgres = not configured.database_url
    with embedded(
        configured.data_dir, postgres=postgres, redis=not configured.redis_url, sandbox=hold and postgres
    ) as own:
        yield _with_external(own)


def _with_external(own: Services) -> Services:
    configured = settings()
    database = configured.database_url and with_schema(configured.database_url, configured.database_schema)
    return Services(database or own.database_url, configured.redis_url or own.redis_url, own.sandbox_url)


@contextmanager
def noted_address(address: str) -> Iterator[None]:
    """Note where the console of this program is served, for other programs, until the block ends.

    With servers elsewhere there may be no data directory; then nothing is noted, and nothing is lost but a convenience.
    """
    note = settings().data_dir / _NOTE
    with suppress(OSError):
        note.write_text(address)
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def console_address() -> str | None:
    """Return where the program that holds the data directory serves its console; None if none does."""
    data_dir: Path = settings().data_dir
    try:
        return (data_dir / _NOTE).read_text() if holder(absolute(data_dir)) else None
    except OSError:
        return None
