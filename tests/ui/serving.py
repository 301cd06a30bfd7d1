"""A console in a process of its own, for tests with a browser: `python -m tests.ui.serving DATABASE_URL PORT`."""

import sys

import uvicorn

from core.database.engine import connect
from ui.app import create


def main(database_url: str, port: str) -> None:
    """Serve until killed."""
    application = create(connect(database_url), "test")
    uvicorn.run(application, host="127.0.0.1", port=int(port), ws="websockets-sansio", log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
