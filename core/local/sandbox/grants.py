"""What clients can ask for: tokens for a code or a refresh token, revocation, introspection, and the profile."""

import secrets
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import InvalidRequestError, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from core.local.sandbox.ledger import CODE_LIFE, Ledger
from core.local.sandbox.parties import METHODS, Issued, SandboxClient, WireRequest, find

if TYPE_CHECKING:
    from core.local.sandbox.protocol import SandboxServer


class RequiredS256(CodeChallenge):
    """PKCE with S256, required of every client."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - as Authlib declares it

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with a plain one."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(grants.AuthorizationCodeGrant):
    """Exchanges a code once; `request.user` is the id of an account."""

    server: "SandboxServer"

    def generate_authorization_code(self) -> str:
        """Return a new code."""
        return new_token()

    def save_authorization_code(self, code: str, request: WireRequest) -> None:
        """Open the grant that the person consented to, and note its code."""
        ledger, asked = self.server.ledger, request.payload
        grant = ledger.open_grant(request.client.client_id, request.user, request.scope)
        bound = {"redirect_uri": asked.redirect_uri, "challenge": asked.data["code_challenge"]}
        ledger.issue("code", code, grant, request.scope, ledger.now() + CODE_LIFE, **bound)

    def query_authorization_code(self, code: str, client: SandboxClient) -> Issued | None:
        """Return a code that may be exchanged."""
        return _once(self.server.ledger, find(self.server.ledger, code, "code"), client)

    def delete_authorization_code(self, authorization_code: Issued) -> None:
        """Spend the code."""
        self.server.ledger.spend(authorization_code.hash)

    def authenticate_user(self, authorization_code: Issued) -> str:
        """Return the account's id."""
        return str(authorization_code.row["account_id"])


class RotatingGrant(grants.RefreshTokenGrant):
    """Exchanges a refresh token once, for a new one."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: "SandboxServer"
    request: WireRequest

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        """Return a refresh token that may be exchanged."""
        ledger = self.server.ledger
        return _once(ledger, find(ledger, refresh_token, "refresh"), self.request.client)

    def authenticate_user(self, refresh_token: Issued) -> str:
        """Return the account's id."""
        return str(refresh_token.row["account_id"])

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        """Spend the old one."""
        self.server.ledger.spend(refresh_token.hash)


class GrantRevocation(RevocationEndpoint):
    """Ends the whole grant of a token."""

    CLIENT_AUTH_METHODS = METHODS
    server: "SandboxServer"

    def query_token(self, token_string: str, token_type_hint: str | None) -> Issued | None:
        """Return the token, whatever the hint says."""
        return find(self.server.ledger, token_string, "access", "refresh")

    def revoke_token(self, token: Issued, request: WireRequest) -> None:
        """End the grant."""
        self.server.ledger.end_grant(token.grant, "the program")


class TokenIntrospection(IntrospectionEndpoint):
    """Tells a client about its own tokens."""

    CLIENT_AUTH_METHODS = METHODS
    server: "SandboxServer"

    def query_token(self, token_string: str, token_type_hint: str | None) -> Issued | None:
        """Return the token, whatever the hint says."""
        return find(self.server.ledger, token_string, "access", "refresh")

    def check_permission(self, token: Issued, client: SandboxClient, request: WireRequest) -> bool:
        """Tell whether the token is this client's."""
        return token.check_client(client)

    def introspect_token(self, token: Issued) -> dict[str, Any]:
        """Return what RFC 7662 has for a token that works."""
        row = token.row
        about = {"client_id": row["client_id"], "sub": row["account_id"], "username": row["handle"]}
        about |= {"scope": row["scope"], "token_type": f"{row['kind']}_token", "iat": int(row["issued_at"])}
        return about | ({"exp": int(row["expires_at"])} if row["expires_at"] else {})


class LedgerValidator(BearerTokenValidator):
    """Finds the access token of a request for the profile."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def authenticate_token(self, token_string: str) -> Issued | None:
        """Return the token, or None."""
        return find(self._ledger, token_string, "access")


def new_token(**_: Any) -> str:
    """Return a new code or token."""
    return secrets.token_urlsafe(32)


def _once(ledger: Ledger, issued: Issued | None, client: SandboxClient) -> Issued | None:
    """Return what may be exchanged; what was exchanged before ends its whole grant."""
    if issued is None or not issued.check_client(client):
        return None
    ledger.count_use(issued.hash)
    if issued.row["spent_at"]:
        ledger.end_grant(issued.grant, f"a {issued.row['kind']} used twice")
        return None
    return None if issued.is_expired() or issued.is_revoked() else issued
