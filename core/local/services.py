"""Where database and broker are: outside, those of a program that runs on this machine, or embedded ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.local.embedded import Services, embedded, running
from core.settings import settings


@contextmanager
def services(*, hold: bool = False) -> Iterator[Services]:
    """Say where the servers are, for the time of the block, starting what nobody else runs.

    `hold` insists on holding the data directory for itself, as `run` does. Raises Unusable.
    """
    wanted = settings()
    if wanted.database_url and wanted.redis_url:
        yield Services(wanted.database_url, wanted.redis_url)
        return
    found = None if hold else running(wanted.data_dir)
    if found:
        yield _with_outside(found)
        return
    with embedded(wanted.data_dir, postgres=not wanted.database_url, redis=not wanted.redis_url) as own:
        yield _with_outside(own)


def _with_outside(own: Services) -> Services:
    wanted = settings()
    return Services(wanted.database_url or own.database_url, wanted.redis_url or own.redis_url)
