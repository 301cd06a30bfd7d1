"""The keys of the audit chain: derived from the secret, so that who can only write to the database cannot forge a link.

Two HMACs make a link. The digest covers what the event says; the hash covers the link's place, its event's id and
transaction, the digest and the hash before. So a changed event, a moved one and a changed seal tell themselves apart.
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

#: Separates this use of the secret from every other one; changing it makes every seal unverifiable.
_PURPOSE = b"unstuck audit chain v1"
_KEY_BYTES = 32
#: Hex digits of a key's id, as of the keys for provider tokens.
_ID_DIGITS = 8
#: The hash before the first link.
GENESIS = "0" * 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ChainKeys:
    """Makes links with `secret`, and checks those that it or one of the `old` secrets made."""

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        if not secret:
            raise Unusable("The audit log cannot be sealed without a secret: set UNSTUCK_SECRET_KEY.")
        keys = [_derive(text) for text in (secret, *old)]
        self.current = _id_of(keys[0])
        self._known = {_id_of(key): key for key in keys}

    def knows(self, key_id: str) -> bool:
        """Tell whether links of this key can be checked here."""
        return key_id in self._known

    def digest(self, key_id: str, says: str) -> str:
        """Return the digest of an event, given as the database writes it."""
        return self._hmac(key_id, "event", says)

    def link(self, key_id: str, previous: str, *parts: object) -> str:
        """Return the hash of a link with these parts after the one with the hash `previous`."""
        return self._hmac(key_id, "link", previous, key_id, *parts)

    def _hmac(self, key_id: str, *parts: object) -> str:
        # JSON, so that no two lists of parts read the same.
        message = json.dumps(parts, separators=(",", ":")).encode()
        return hmac.new(self._known[key_id], message, hashlib.sha256).hexdigest()


def chain_keys() -> ChainKeys:
    """Return the keys that the settings give. Raises Unusable without a secret."""
    return ChainKeys(settings().secret_key or "", settings().previous_keys)


def as_epoch(moment: datetime) -> str:
    """Return a time as PostgreSQL writes its `extract(epoch …)`: exact, and the same whatever the zone."""
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())


def _id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_ID_DIGITS]
