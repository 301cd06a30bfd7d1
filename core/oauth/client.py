"""Requests to a platform's provider; Authlib does the protocol. Each is one call with a bounded wait.

Errors are sentences that begin with the platform's name. Nothing of an answer is in them but words of the protocol: an
answer may hold tokens.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_qs
from authlib.integrations.httpx_client import OAuth2Client

from core.errors import GiveUp, OnlyTheOwner, TryAgain
from core.oauth.answers import (
    BUSY,
    ENDED_NUMBER,
    QUOTAS,
    Tokens,
    error_in,
    is_transient,
    json_of,
    says_done,
    text_at,
    tokens_in,
    unwrapped,
    with_sound_times,
)
from core.oauth.providers import OAuthProvider, TokenExchange
from core.oauth.transport import REPORT, ProviderTransport

#: The path to which providers send creators back; it is registered there and must match exactly.
RETURN_PATH: Final = "/connections/callback"
#: Seconds for one answer.
ANSWER_SECONDS: Final = 10.0
#: What providers answer where the access that a token or code stands for has ended (RFC 6749, 5.2).
_ENDED: Final = frozenset({"invalid_grant", "access_denied", "invalid_token"})
#: What they answer where our settings are wrong.
_OURS: Final = frozenset({"invalid_client", "unauthorized_client", "invalid_scope", "redirect_uri_mismatch"})


@dataclass(frozen=True, slots=True)
class PlatformAccount:
    """The account that a token belongs to."""

    account_id: str
    handle: str


class AccessEnded(OnlyTheOwner):
    """The provider does not take this token or code, and will not take it again."""


class ProviderClient:
    """One platform's provider, for a few requests.

    Its calls raise TryAgain (it is busy or away), AccessEnded, or GiveUp (it does not keep to the rules).
    """

    def __init__(self, provider: OAuthProvider, return_address: str | None = None) -> None:
        self.provider = provider
        self._return_address = return_address
        self._client = OAuth2Client(
            provider.client_id,
            provider.client_secret,
            token_endpoint_auth_method=self._with_secret,
            revocation_endpoint_auth_method=self._with_secret,
            redirect_uri=return_address,
            code_challenge_method="S256" if provider.has_pkce else None,
            transport=ProviderTransport(provider.label),
            timeout=ANSWER_SECONDS,
            follow_redirects=False,
        )
        self._client.register_compliance_hook("access_token_response", with_sound_times)
        self._client.register_compliance_hook("refresh_token_response", with_sound_times)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def consent_address(self, state: str, verifier: str) -> str:
        """Return where to send the creator's browser; asks nobody."""
        provider = self.provider
        key = {} if provider.id_parameter == "client_id" else {provider.id_parameter: provider.client_id}
        scope = provider.scope_separator.join(provider.scopes)
        address, _ = self._client.create_authorization_url(
            provider.authorize, state=state, code_verifier=verifier, scope=scope, **key, **provider.extra
        )
        return str(address)

    def tokens_for(self, code: str, verifier: str) -> Tokens:
        """Exchange a code, which works once."""
        more = {"code_verifier": verifier} if self.provider.has_pkce else {}
        return self._tokens(lambda: self._client.fetch_token(self.provider.token, code=code, **more))

    def lengthened(self, tokens: Tokens) -> Tokens:
        """Return tokens that live longer, at a platform where the first ones are short; else the same."""
        exchange = self.provider.exchange
        return self._exchanged(tokens.access, exchange, exchange.first) if exchange else tokens

    def refreshed(self, access: str, refresh: str | None) -> Tokens:
        """Return new tokens; a provider that rotates has spent the refresh token then."""
        if exchange := self.provider.exchange:
            return self._exchanged(access, exchange, exchange.again)
        if not refresh:
            raise AccessEnded(f"{self.provider.label} has given nothing to renew this access with.")
        return self._tokens(lambda: self._client.refresh_token(self.provider.token, refresh_token=refresh), refresh)

    def profile_of(self, access: str) -> PlatformAccount:
        """Return the account of an access token."""
        answer = self._client.get(self.provider.profile, auth=None, headers=_bearer(access))
        self._require_free(answer)
        if answer.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            raise AccessEnded(f"{self.provider.label} does not let us read the account.")
        names = self.provider.profile_fields
        content = unwrapped(json_of(self.provider, answer))
        account, handle = (text_at(content, path) for path in (names.account, names.handle))
        if not account:
            raise GiveUp(f"{self.provider.label} sent a profile without an account. {REPORT}")
        return PlatformAccount(account, handle or account)

    def is_active(self, token: str) -> bool | None:
        """Tell whether a token can still be used (RFC 7662); None: the provider does not answer such questions."""
        if not self.provider.introspect:
            return None
        answer = self._client.introspect_token(self.provider.introspect, token=token)
        is_active = json_of(self.provider, answer).get("active")
        if answer.status_code != httpx2.codes.OK or not isinstance(is_active, bool):
            raise GiveUp(f"{self.provider.label} does not tell whether access has ended ({answer.status_code}).")
        return is_active

    def revoke(self, token: str, kind: str) -> None:
        """Take back a token, by RFC 7009 or the platform's own way.

        One that has ended already is no error, nor is a platform without a way.
        """
        if not self.provider.revoke:
            return
        if is_delete := self.provider.revokes_by_delete:
            answer = self._client.request("DELETE", self.provider.revoke, auth=None, headers=_bearer(token))
        else:
            answer = self._client.revoke_token(self.provider.revoke, token=token, token_type_hint=kind)
        error = error_in(answer)
        if error in _ENDED or (is_delete and error == ENDED_NUMBER):
            return
        if error or not answer.is_success or (is_delete and not says_done(answer)):
            raise GiveUp(f"{self.provider.label} refused to end the access ({answer.status_code}).")
        if "html" in answer.headers.get("content-type", ""):
            raise GiveUp(f"{self.provider.label} sent a page, and may not have ended the access. {REPORT}")

    def _require_free(self, answer: httpx2.Response) -> None:
        """Raise TryAgain if an answer says that we have asked too often: that is no refusal of what we asked for."""
        label, status, error = self.provider.label, answer.status_code, error_in(answer)
        if error in QUOTAS:
            said = f"{label} answered with an error ({status}: our quota there is used up for now)."
            raise TryAgain(said, QUOTAS[error], is_untouched=True)
        if answer.is_client_error and is_transient(error):
            raise TryAgain(f"{label} is busy ({status}).", is_untouched=True)

    def _exchanged(self, access: str, exchange: TokenExchange, way: tuple[str, str]) -> Tokens:
        provider, (address, grant) = self.provider, way
        asked = {
            "grant_type": grant,
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
            exchange.parameter: access,
        }
        answer = self._client.get(address, auth=None, params=asked)
        self._require_free(answer)
        if answer.status_code in (httpx2.codes.BAD_REQUEST, httpx2.codes.UNAUTHORIZED):
            raise AccessEnded(f"{provider.label} ended this access.")
        return tokens_in(provider, json_of(provider, answer), None)

    def _tokens(self, ask: Any, refresh: str | None = None) -> Tokens:
        try:
            return tokens_in(self.provider, ask(), refresh)
        except AuthlibBaseError as error:
            raise self._refusal(str(error.error)) from None
        except (httpx2.HTTPStatusError, ValueError, TypeError, RecursionError):
            raise GiveUp(f"{self.provider.label} sent an answer without tokens. {REPORT}") from None

    def _refusal(self, word: str) -> Exception:
        label, platform = self.provider.label, self.provider.platform.upper()
        if word in _ENDED:
            return AccessEnded(f"{label} ended this access.")
        if word in BUSY:
            return TryAgain(f"{label} is busy.")
        if word in _OURS:
            return GiveUp(
                f"{label} does not accept this program ({word}): check UNSTUCK_{platform}_CLIENT_ID, its secret, and "
                f"the address {self._return_address or RETURN_PATH} in the app's settings there."
            )
        return GiveUp(f"{label} refused the request. {REPORT}")

    def _with_secret(
        self, client: Any, method: str, address: str, headers: dict[str, str], body: Any
    ) -> tuple[str, dict[str, str], Any]:
        """Authenticate in the body: every platform takes that, some under a name of their own."""
        ours = [(self.provider.id_parameter, self.provider.client_id), ("client_secret", self.provider.client_secret)]
        return address, headers, add_params_to_qs(body or "", ours)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
