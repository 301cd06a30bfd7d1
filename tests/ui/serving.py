"""A console in a process of its own, for tests with a browser: `python -m tests.ui.serving DATABASE_URL PORT`."""

import gc

gc.disable()  # as main.py has it: what the imports make stays

import sys

import uvicorn

from core.database.engine import connect
from ui.app import create
from ui.server import configuration


def main(database_url: str, port: str) -> None:
    """Serve until killed."""
    application = create(connect(database_url), "test")
    gc.freeze()
    gc.enable()
    uvicorn.Server(configuration(application, host="127.0.0.1", port=int(port), log_level="warning")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
