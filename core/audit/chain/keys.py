"""The keys of the audit chain, derived from the secret key: write access to the database is not enough to forge a link.

A link has two HMACs. The digest covers the event's content; the hash covers the link's position, the event's id and
transaction, the digest and the previous hash. So verification can tell an edited event, a moved event and an edited
seal apart.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Unusable
from core.settings import settings

#: Separates this use of the secret from all others; changing it makes every seal unverifiable.
_PURPOSE = b"unstuck audit chain v1"
_KEY_BYTES = 32
#: Hex digits of a key id, as for the keys of provider tokens.
_ID_DIGITS = 8
#: The hash before the first link.
GENESIS = "0" * 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ChainKeys:
    """Makes links with `secret`; checks links made with it or with one of the `old` secrets."""

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        if not secret:
            raise Unusable("The audit log cannot be sealed without a secret key: set UNSTUCK_SECRET_KEY.")
        keys = [_derive(text) for text in (secret, *old)]
        self.current = _id_of(keys[0])
        self._known = {_id_of(key): key for key in keys}

    def knows(self, key_id: str) -> bool:
        """Return whether links made with this key can be checked here."""
        return key_id in self._known

    def digest(self, key_id: str, content: str) -> str:
        """Return the digest of an event's content, given as the database serialises it."""
        return self._hmac(key_id, "event", content)

    def link(self, key_id: str, previous: str, *parts: object) -> str:
        """Return the hash of a link with these parts, placed after the link with the hash `previous`."""
        return self._hmac(key_id, "link", previous, key_id, *parts)

    def proof(self, key_id: str, *parts: object) -> str:
        """Return the proof of a checkpoint with these parts."""
        return self._hmac(key_id, "checkpoint", key_id, *parts)

    def _hmac(self, key_id: str, *parts: object) -> str:
        # JSON, so that different parts never produce the same message.
        message = json.dumps(parts, separators=(",", ":")).encode()
        return hmac.new(self._known[key_id], message, hashlib.sha256).hexdigest()


def chain_keys() -> ChainKeys:
    """Return the keys from the settings. Raises Unusable without a secret key."""
    return ChainKeys(settings().secret_key or "", settings().previous_keys)


def as_epoch(moment: datetime) -> str:
    """Return a time as PostgreSQL's `extract(epoch …)` writes it: exact, and independent of the time zone."""
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())


def _id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_ID_DIGITS]
