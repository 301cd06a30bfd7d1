"""The protocol: Authlib's server side without a framework, over the ledger."""

import re
from collections.abc import Sequence
from typing import Any, Final

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from core.local.sandbox.grants import (
    CodeGrant,
    GrantRevocation,
    LedgerValidator,
    RequiredS256,
    RotatingGrant,
    TokenIntrospection,
    new_token,
)
from core.local.sandbox.ledger import TOKEN_LIFE, Ledger
from core.local.sandbox.parties import Issued, SandboxClient, WireRequest

#: An answer as Authlib makes it: status, body (a dict is JSON) and headers.
Answered = tuple[int, str | dict[str, Any], Sequence[tuple[str, str]]]
_CLIENT: Final = re.compile(r"unstuck-([a-z0-9]{1,40})")


class SandboxServer(AuthorizationServer):
    """Authlib's server with our ledger below it. Each call belongs into one transaction of the ledger."""

    def __init__(self, ledger: Ledger, secret: str) -> None:
        super().__init__()
        self.ledger, self._secret = ledger, secret
        life = lambda client, grant_type: int(ledger.setting("life", TOKEN_LIFE))  # noqa: E731
        self.register_token_generator("default", BearerTokenGenerator(new_token, new_token, life))
        self.register_grant(CodeGrant, [RequiredS256()])
        self.register_grant(RotatingGrant)
        self.register_endpoint(GrantRevocation)
        self.register_endpoint(TokenIntrospection)
        self.protector = ResourceProtector()
        self.protector.register_token_validator(LedgerValidator(ledger))

    def query_client(self, client_id: str) -> SandboxClient | None:
        """Return the client of this id, or None."""
        known = _CLIENT.fullmatch(client_id)
        return SandboxClient(client_id, known[1], self._secret) if known else None

    def save_token(self, token: dict[str, Any], request: WireRequest) -> None:
        """Note the new tokens; the access token before them ends."""
        source: Issued = request.authorization_code or request.refresh_token
        scope = token.setdefault("scope", "")
        self.ledger.end_access(source.grant)
        expires = self.ledger.now() + token["expires_in"]
        self.ledger.issue("access", token["access_token"], source.grant, scope, expires)
        self.ledger.issue("refresh", token["refresh_token"], source.grant, scope, None)

    def create_oauth2_request(self, request: WireRequest) -> WireRequest:
        """Return the request: it was made for Authlib already."""
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answered:
        """Return the answer as it is."""
        return status, body, headers

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""
