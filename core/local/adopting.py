"""The sample's connections become ones of the sandbox: it takes over their tokens, so that they can be refreshed there.

The legacy product had them from real platforms; offline, no provider would know them.
"""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx2
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.models import PlatformConnection
from core.oauth.tokens import held_by
from core.settings import settings

#: Seconds for which the sandbox is waited for: it starts beside the database.
PATIENCE: Final = 10.0
log = logging.getLogger(__name__)


def adopt_sample(engine: Engine) -> None:
    """Let the sandbox adopt the tokens of all connections; if it does not answer, the log says so."""
    url, secret = settings().sandbox_url, settings().sandbox_secret
    if not (url and secret):
        return
    with Session(engine) as session:
        rows = session.exec(
            select(PlatformConnection).where(
                col(PlatformConnection.access_token).is_not(None), col(PlatformConnection.is_demo).is_(False)
            )
        ).all()
    bearer = {"Authorization": f"Bearer {secret}"}
    transport = httpx2.HTTPTransport(verify=False, trust_env=False)
    with httpx2.Client(base_url=url, headers=bearer, transport=transport, trust_env=False) as client:
        try:
            _wait_for(client)
            for row in rows:
                client.post("/adopt", json=_wanted(row)).raise_for_status()
        except httpx2.HTTPError as error:
            log.warning("the sandbox did not adopt the sample's connections", extra={"error": type(error).__name__})


def _wait_for(client: httpx2.Client) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            client.get("/")
        except httpx2.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _wanted(row: PlatformConnection) -> Mapping[str, Any]:
    held = held_by(row)
    assert held, "only rows with an access token are read"
    ends: datetime | None = row.token_expires_at
    return {
        "platform": row.platform,
        "handle": row.handle or str(row.id),
        "access_token": held.access,
        "refresh_token": held.refresh or "",
        "expires_at": ends and ends.timestamp(),
    }
