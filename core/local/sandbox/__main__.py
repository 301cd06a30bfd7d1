"""The sandbox's process: `python -m core.local.sandbox --folder F --port P`, on 127.0.0.1 until SIGTERM."""

import argparse
import asyncio
import logging
import os
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.local.kept import kept_secret
from core.local.sandbox.app import create
from core.local.sandbox.ledger import Ledger


class SandboxLine(H11Protocol):
    """uvicorn's protocol; a request knows its connection, which a behaviour may end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m core.local.sandbox", description="An OAuth provider to try with.")
    parser.add_argument("--folder", type=Path, required=True, help="folder of sandbox.db and client_secret")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    given = parser.parse_args()
    os.umask(0o077)
    given.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("authlib", "uvicorn"):  # Authlib's debug lines contain tokens
        logging.getLogger(name).setLevel(logging.WARNING)
    config = uvicorn.Config(
        create(Ledger(given.folder), kept_secret(given.folder / "client_secret")),
        host="127.0.0.1",
        port=given.port,
        http=SandboxLine,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
