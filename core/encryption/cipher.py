"""Encryption of provider tokens at rest. Each stored token names its key, so that the key can be rotated.

Stored text: `f1:<key id>:<Fernet token>`; f1 names the scheme (HKDF-SHA256, then Fernet).
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Unusable
from core.wording import PROGRAM

_SCHEME = "f1"
#: Separates this use of the secret from all others; changing it makes all stored tokens unreadable.
_PURPOSE = b"unstuck provider tokens v1"
#: Fernet takes a 32-byte key.
_KEY_BYTES = 32
#: Hex digits of a key's id: enough to tell a handful of keys apart, too few to help find one.
_ID_DIGITS = 8
_STORED = re.compile(rf"{_SCHEME}:(?P<key>[0-9a-f]{{{_ID_DIGITS}}}):(?P<body>[A-Za-z0-9_-]+=*)")


class TokenCipher:
    """Encrypts with `secret`; decrypts tokens of `secret` or of one of the `old` secrets."""

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        if not secret:
            raise Unusable("Provider tokens cannot be encrypted without a secret key: set UNSTUCK_SECRET_KEY.")
        keys = [_derive(text) for text in (secret, *old)]
        #: The id of the current key.
        self.current = _id_of(keys[0])
        self._known = {_id_of(key): Fernet(key) for key in keys}

    @property
    def prefix(self) -> str:
        """The prefix of tokens encrypted with the current key."""
        return f"{_SCHEME}:{self.current}:"

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted, for storage."""
        return self.prefix + self._known[self.current].encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the decrypted text of a stored token.

        Raises Unusable when it is not encrypted, has an unknown key, or was altered.
        """
        if not (parts := _STORED.fullmatch(stored)):
            raise Unusable(f"This provider token is not encrypted: run `{PROGRAM} migrate`.")
        if not (fernet := self._known.get(parts["key"])):
            raise Unusable(
                f"This provider token was encrypted with key {parts['key']}; the current one is {self.current}. Add "
                "the former UNSTUCK_SECRET_KEY to UNSTUCK_PREVIOUS_SECRET_KEYS, or reconnect the account."
            )
        try:
            return fernet.decrypt(parts["body"].encode()).decode()
        except InvalidToken:
            raise Unusable("This provider token was altered in the database: reconnect the account.") from None

    def knows(self, key_id: str) -> bool:
        """Return whether this is the id of the current key or of a former one that is known here."""
        return key_id in self._known

    def is_encrypted(self, stored: str) -> bool:
        """Return whether `stored` is encrypted, with any key."""
        return _STORED.fullmatch(stored) is not None

    def can_decrypt(self, stored: str) -> bool:
        """Return whether `stored` is encrypted with a key known here."""
        parts = _STORED.fullmatch(stored)
        return parts is not None and parts["key"] in self._known

    def rotate(self, stored: str) -> str:
        """Return the same token encrypted with the current key; unchanged if it already is."""
        parts = _STORED.fullmatch(stored)
        if parts and parts["key"] == self.current:
            return stored
        return self.encrypt(self.decrypt(stored))


def _derive(secret: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))


def _id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_ID_DIGITS]
