"""A console with one more page to attack: `python -m tests.security.serving DATABASE_URL PORT`.

/target has buttons that count how often they really ran; /counted shows the counts and how many pages are open.
"""

import gc

gc.disable()  # as main.py has it: what the imports make stays

import sys

import uvicorn
from fastapi import FastAPI
from nicegui import Client, app, ui

from core.database.engine import connect
from core.models import Role
from ui import access, session_watch, sockets
from ui.app import create
from ui.server import configuration

counts = {"button": 0, "disabled": 0}
errors: list[Exception] = []


def add(application: FastAPI) -> None:
    """Add the page, and the count of its clicks."""

    @access.page("/target", role=Role.VIEWER)
    def target() -> None:
        for name in counts:
            made = ui.button(name, on_click=lambda name=name: counts.update({name: counts[name] + 1}))
            made.set_enabled(name != "disabled")
        ui.input("Note").props('aria-label="Note"')

    @access.page("/broken")
    def broken() -> None:
        raise RuntimeError("postgresql://unstuck:hunter2@db/unstuck")

    @ui.page("/nobodys")
    def nobodys() -> None:
        ui.label("A page that does not ask who looks at it, as NiceGUI's own pages for errors are.")

    @application.get("/healthz/counted")
    def counted() -> dict[str, int]:
        return {**counts, "pages": len(Client.instances), "errors": len(errors)}

    # Before the pages, which answer every other address.
    application.router.routes.insert(0, application.router.routes.pop())


def main(database_url: str, port: str) -> None:
    """Serve until killed."""
    sockets.PATIENCE = session_watch.CONNECT_SECONDS = 3.0
    app.on_exception(errors.append)
    application = create(connect(database_url), "test")
    add(application)
    gc.freeze()
    gc.enable()
    app.config.reconnect_timeout = 1.0
    uvicorn.Server(configuration(application, host="127.0.0.1", port=int(port), log_level="warning")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
