"""Tokens that another program issued become a grant here: those of the sample's legacy connections."""

from collections.abc import Mapping
from typing import Any, Final

from core.local.sandbox.ledger import Ledger

_SCOPE: Final = "profile"


def adopt(ledger: Ledger, wanted: Mapping[str, Any]) -> None:
    """Make a grant with exactly these tokens; again with the same ones, nothing happens.

    `platform`, `handle`, `access_token` and `refresh_token` are texts (one of the tokens may be missing), and
    `expires_at` is the access token's end in seconds since 1970, or None. Raises ValueError.
    """
    platform, handle = str(wanted.get("platform") or ""), str(wanted.get("handle") or "")
    tokens = {kind: str(wanted.get(f"{kind}_token") or "") for kind in ("access", "refresh")}
    if not (platform and handle and any(tokens.values())):
        raise ValueError("Adopting needs a platform, a handle and a token.")
    ends = wanted.get("expires_at")
    expires = {"access": None if ends is None else float(ends), "refresh": None}
    new = {kind: text for kind, text in tokens.items() if text and not ledger.find(text, "access", "refresh")}
    if not new:
        return
    account = ledger.account(platform, handle)
    grant = ledger.open_grant(f"unstuck-{platform}", account.id, _SCOPE)
    for kind, text in new.items():
        ledger.issue(kind, text, grant, _SCOPE, expires[kind])
