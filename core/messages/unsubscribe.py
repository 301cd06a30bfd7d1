"""The link that ends messages for its reader, signed with a key derived from the secret key.

It works without signing in, as RFC 8058 asks for: whoever has the message can stop further ones, and nothing else.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.settings import settings

PATH: Final = "/unsubscribe"
#: Separates this use of the secret from all others; changing it makes the links in sent messages invalid.
_PURPOSE: Final = b"unstuck unsubscribe links v1"
_KEY_BYTES: Final = 32


def link_for(user_id: UUID) -> str:
    """Return the address that ends messages to this user; empty without UNSTUCK_PUBLIC_URL or a secret key."""
    base, secret = (settings().public_url or "").rstrip("/"), settings().secret_key
    if not base or not secret:
        return ""
    return f"{base}{PATH}?{urlencode({'user': user_id, 'proof': _proof(secret, user_id)})}"


def is_genuine(user_id: UUID, proof: str) -> bool:
    """Tell whether the proof of a link is ours, made with the present secret key or with a former one."""
    keys = (settings().secret_key, *settings().previous_keys)
    return proof.isascii() and any(hmac.compare_digest(_proof(key, user_id), proof) for key in keys if key)


def _proof(secret: str, user_id: UUID) -> str:
    key = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    return hmac.new(key, user_id.bytes, hashlib.sha256).hexdigest()
