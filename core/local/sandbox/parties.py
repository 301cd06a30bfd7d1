"""Who and what a request is about: the client, the code or token, and the request as Authlib wants it."""

import hmac
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, OAuth2Payload, OAuth2Request, TokenMixin

from core.local.sandbox.ledger import Ledger

#: How clients authenticate.
METHODS: Final = ["client_secret_basic", "client_secret_post"]
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ADDRESS: Final = re.compile(r"[!-~]{1,2000}")
#: Host and port: no person, and no sign that would end a rule in the header that allows the form to lead there.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:]+")


class SandboxClient(ClientMixin):
    """A program that asks for access: `unstuck-<platform>`. All of them have the one secret."""

    def __init__(self, client_id: str, platform: str, secret: str) -> None:
        self.client_id, self.platform, self._secret = client_id, platform, secret

    def get_client_id(self) -> str:
        """Return the id."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return None: the request must name its address."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return what was asked for: every scope exists here."""
        return " ".join(dict.fromkeys((scope or "profile").split()))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether a browser may be sent there: https, or this machine."""
        try:
            parts = urlsplit(redirect_uri if _ADDRESS.fullmatch(redirect_uri) else "")
            safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            return bool(safe and _HOST.fullmatch(parts.netloc) and parts.port != 0 and not parts.fragment)
        except ValueError:
            return False

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(client_secret.encode(), self._secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether a client may authenticate this way."""
        return method in METHODS

    def check_response_type(self, response_type: str) -> bool:
        """Only codes are issued at the authorization endpoint."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether a client may use this grant."""
        return grant_type in ("authorization_code", "refresh_token")


class Issued(AuthorizationCodeMixin, TokenMixin):
    """A code or token, as the ledger has it."""

    code_challenge_method = "S256"

    def __init__(self, row: sqlite3.Row, now: float) -> None:
        self.row, self._now = row, now
        self.hash, self.grant, self.code_challenge = row["hash"], row["grant_id"], row["challenge"]

    def get_redirect_uri(self) -> str:
        """Return the address that a code was sent to."""
        return str(self.row["redirect_uri"])

    def get_scope(self) -> str:
        """Return what the person allowed."""
        return str(self.row["scope"])

    def get_expires_in(self) -> int:
        """Return the seconds from issue to expiry; 0 for never."""
        return int((self.row["expires_at"] or self.row["issued_at"]) - self.row["issued_at"])

    def check_client(self, client: SandboxClient) -> bool:
        """Tell whether it was issued to this client."""
        return bool(self.row["client_id"] == client.client_id)

    def is_expired(self) -> bool:
        """Tell whether its time is over."""
        return self.row["expires_at"] is not None and self.row["expires_at"] <= self._now

    def is_revoked(self) -> bool:
        """Tell whether it ended before its time."""
        return bool(self.row["revoked_at"] or self.row["spent_at"])


class WirePayload(OAuth2Payload):
    """The parameters of a request; `data` has the first value of each."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._datalist: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._datalist[name].append(value)
        self._data = {name: values[0] for name, values in self._datalist.items()}

    @property
    def data(self) -> dict[str, str]:
        """The first value of each parameter."""
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """All values of each parameter."""
        return self._datalist


class WireRequest(OAuth2Request):
    """One request as Authlib wants it: parameters of the query for GET, of the form for POST."""

    # Authlib declares them as None: a WirePayload, a SandboxClient, an account's id, and two times Issued.
    payload: Any
    client: Any
    user: Any
    authorization_code: Any
    refresh_token: Any

    def __init__(self, method: str, uri: str, headers: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = WirePayload(pairs)

    @property
    def form(self) -> dict[str, str]:
        """The first value of each parameter."""
        form: dict[str, str] = self.payload.data
        return form


def find(ledger: Ledger, text: str, *kinds: str) -> Issued | None:
    """Return a code or token of one of these kinds, or None."""
    row = ledger.find(text, *kinds)
    return Issued(row, ledger.now()) if row else None
