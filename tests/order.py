"""In which order tests run, and which of them stay in one process of the run."""

from xdist.scheduler import LoadScopeScheduling

#: The slowest tests and groups start first, so that no process is left with one when the others are done.
EARLY = (
    "test_house.py",
    "model/test_replay.py",
    "journeys/",
    "ui/",
    "security/",
    "oauth/",
    "test_embedded.py",
    "migrations/",
    "contract/",
)
#: Files and folders whose tests share what takes seconds to make: each group stays in one process, which makes it once.
#: The browser's are two, of about the same length, so that two processes have them.
TOGETHER = {
    "rules": ("test_house.py",),  # mypy's cache is for one at a time
    "journeys": ("journeys/",),
    "pages to the grid": tuple(f"ui/test_{letter}" for letter in "abcdefghij"),
    "other pages": ("ui/",),
    "sockets": (
        "security/test_open_connections.py",
        "security/test_pages_without_session.py",
        "security/test_sockets.py",
    ),
    "site": (
        "security/test_canary.py",
        "security/test_cross_site.py",
        "security/test_headers.py",
        "security/test_hostile",
        "security/test_rights.py",
        "security/test_session_ends.py",
        "security/test_wire.py",
        "security/test_without_session.py",
    ),
    "sources": ("security/test_floors.py", "security/test_gateway.py"),
    "provider": ("oauth/",),
    "killed migrations": ("migrations/test_interrupted.py",),
}


def rank(path: str) -> int:
    """Return the place of a test's file, such as `ui/test_pages.py`; the lowest begins."""
    return next((rank for rank, start in enumerate(EARLY) if path.startswith(start)), len(EARLY))


class FilesTogether(LoadScopeScheduling):
    """Gives each process the next test, or the next group of those that stay together.

    xdist's own groups are marks that it writes into the names of tests, and pytest 9.2 does not let it any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0].removeprefix("tests/")
        return next((group for group, starts in TOGETHER.items() if path.startswith(starts)), nodeid)
