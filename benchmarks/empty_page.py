"""An empty NiceGUI page, served as the console is: what every page costs before it says anything."""

import socket

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from ui.server import configuration


@ui.page("/")
def empty() -> None:
    """Draw one word."""
    ui.label("empty").props("id=ready")


def main() -> None:
    """Serve it on a free port of the loopback address until killed."""
    application = FastAPI()
    ui.run_with(application, title="Empty", tailwind=False, show_welcome_message=False, reconnect_timeout=10)
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"served at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(configuration(application, log_config=None)).run(sockets=[listening])


if __name__ == "__main__":
    main()
