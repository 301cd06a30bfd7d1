"""The tokens of a connection: stored encrypted, with the time at which they are to be refreshed."""

import random
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core import clock
from core.encryption.rotation import token_cipher
from core.errors import GiveUp, Unusable
from core.models import PlatformConnection
from core.oauth.answers import Tokens

#: A token is refreshed before this share of its life is left, and before this long; never in the first half of it.
SHARE: Final = 0.1
LEAST: Final = timedelta(minutes=5)
#: What could not be refreshed is tried again after so long.
PAUSE: Final = timedelta(minutes=15)


class HeldTokens(NamedTuple):
    """The tokens of a connection in plain text, for one request."""

    access: str
    refresh: str | None


def seal(text: str) -> str:
    """Return a secret encrypted, for storage. Raises GiveUp without a key."""
    try:
        return token_cipher().encrypt(text)
    except Unusable as problem:
        raise GiveUp(str(problem)) from None


def unseal(stored: str) -> str:
    """Return a stored secret in plain text. Raises GiveUp if no known key decrypts it."""
    try:
        return token_cipher().decrypt(stored)
    except Unusable as problem:
        raise GiveUp(str(problem)) from None


def held_by(connection: PlatformConnection) -> HeldTokens | None:
    """Return a connection's tokens; None if it has none. Raises GiveUp if no known key decrypts them."""
    if not connection.access_token:
        return None
    refresh = connection.refresh_token
    return HeldTokens(unseal(connection.access_token), unseal(refresh) if refresh else None)


def store(connection: PlatformConnection, tokens: Tokens) -> None:
    """Put new tokens into the row, in place of those before."""
    connection.access_token = seal(tokens.access)
    connection.refresh_token = seal(tokens.refresh) if tokens.refresh else None
    connection.token_expires_at = tokens.expires_at
    connection.scopes = " ".join(tokens.scopes) or connection.scopes
    connection.refresh_at = _refresh_time(tokens)
    connection.asked_at = connection.withdrawn_at = None


def forget(connection: PlatformConnection) -> None:
    """Take the tokens out of the row; who holds them now has been noted."""
    connection.access_token = connection.refresh_token = connection.token_expires_at = None
    connection.scopes = connection.refresh_at = connection.asked_at = None


def try_again_later(connection: PlatformConnection) -> None:
    """Let the program refresh it in a while; where only its creator can connect it again, it learns that at once."""
    is_hopeless = connection.withdrawn_at or not connection.access_token
    connection.refresh_at = clock.now() + (timedelta(0) if is_hopeless else PAUSE * random.uniform(1, 1.5))  # noqa: S311


def _refresh_time(tokens: Tokens) -> datetime:
    """Return when to refresh, at a time of its own, so that tokens issued together are not refreshed together."""
    life = tokens.expires_at - clock.now()
    left = min(max(life * SHARE, LEAST), life / 3)
    return tokens.expires_at - left * random.uniform(1, 1.5)  # noqa: S311 - jitter, not a secret
