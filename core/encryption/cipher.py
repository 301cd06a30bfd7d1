"""Provider tokens at rest: encrypted, each with the id of its key, so that keys can be changed.

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

_SCHEME = "f1"
#: Separates this use of the secret from every other one; changing it makes all stored tokens unreadable.
_PURPOSE = b"unstuck provider tokens v1"
#: Fernet takes a 32-byte key.
_KEY_BYTES = 32
#: Hex digits of a key's id: enough to tell a handful of keys apart, too few to help find one.
_ID_DIGITS = 8
_STORED = re.compile(rf"{_SCHEME}:(?P<key>[0-9a-f]{{{_ID_DIGITS}}}):(?P<body>[A-Za-z0-9_-]+=*)")


class TokenCipher:
    """Encrypts with `secret`; decrypts what it or one of the `old` secrets has encrypted."""

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        if not secret:
            raise Unusable("Provider tokens cannot be encrypted without a secret: set UNSTUCK_SECRET_KEY.")
        keys = [_derive(text) for text in (secret, *old)]
        #: The id of the present key.
        self.current = _id_of(keys[0])
        self._known = {_id_of(key): Fernet(key) for key in keys}

    @property
    def prefix(self) -> str:
        """How a token that is encrypted with the present key begins."""
        return f"{_SCHEME}:{self.current}:"

    def encrypt(self, text: str) -> str:
        """Return `text` as it may be stored."""
        return self.prefix + self._known[self.current].encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the text behind a stored token.

        Raises Unusable when it is not encrypted, was encrypted with an unknown key, or was altered since.
        """
        if not (parts := _STORED.fullmatch(stored)):
            raise Unusable("This provider token is not encrypted: run `python main.py migrate`.")
        if not (fernet := self._known.get(parts["key"])):
            raise Unusable(
                f"This provider token was encrypted with key {parts['key']}, and the secret here makes key "
                f"{self.current}: put the former UNSTUCK_SECRET_KEY into UNSTUCK_PREVIOUS_SECRET_KEYS, or connect the "
                "account again."
            )
        try:
            return fernet.decrypt(parts["body"].encode()).decode()
        except InvalidToken:
            raise Unusable("This provider token was altered since it was stored: connect the account again.") from None

    def is_encrypted(self, stored: str) -> bool:
        """Tell whether `stored` has been encrypted, with whatever key."""
        return _STORED.fullmatch(stored) is not None

    def can_decrypt(self, stored: str) -> bool:
        """Tell whether `stored` has been encrypted with a key known here."""
        parts = _STORED.fullmatch(stored)
        return parts is not None and parts["key"] in self._known

    def rotate(self, stored: str) -> str:
        """Return the same token encrypted with the current key; unchanged when it already is."""
        parts = _STORED.fullmatch(stored)
        if parts and parts["key"] == self.current:
            return stored
        return self.encrypt(self.decrypt(stored))


def _derive(secret: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))


def _id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_ID_DIGITS]
