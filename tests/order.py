"""In which order tests run, and which of them stay in one process of the run."""

from xdist.scheduler import LoadScopeScheduling

#: The slowest tests start first, so that no process is left with one when the others are done.
EARLY = (
    "test_house.py",
    "model/test_replay.py",
    "journeys/",
    "ui/",
    "security/",
    "test_embedded.py",
    "migrations/",
    "contract/",
)
#: Files that attack one server, which all of them together start once.
SOCKETS = (
    "security/test_open_connections.py",
    "security/test_pages_without_session.py",
    "security/test_sockets.py",
)
#: Files and folders whose tests share fixtures that take seconds to make; mypy's cache in test_house.py is for one at a
#: time.
TOGETHER = (
    "test_house.py",
    "journeys/",
    "migrations/test_interrupted.py",
    "security/test_cross_site.py",
    "security/test_hostile_pages.py",
    "security/test_hostile_sizes.py",
    *SOCKETS,
    "security/test_without_session.py",
    "ui/test_accessible.py",
    "ui/test_job_grid.py",
)


def rank(path: str) -> int:
    """Return the place of a test's file, such as `ui/test_pages.py`; the lowest begins."""
    return next((rank for rank, start in enumerate(EARLY) if path.startswith(start)), len(EARLY))


class FilesTogether(LoadScopeScheduling):
    """Gives each process the next test, or the next file or folder of those that stay together.

    xdist's own groups are marks that it writes into the names of tests, and pytest 9.2 does not let it any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0].removeprefix("tests/")
        if path in SOCKETS:
            return SOCKETS[0]
        return next((name for name in TOGETHER if path.startswith(name)), nodeid)
