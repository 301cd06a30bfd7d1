"""Signing in with an organisation's own accounts: OpenID Connect, code flow with PKCE.

The provider is not trusted blindly: its answers are limited in size and time, and every claim is checked.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core import clock
from core.errors import NotSignedIn
from core.limited_transport import LimitedTransport
from core.outside import trusted
from core.settings import settings

#: The path to which the provider sends people back; it is registered there and must match exactly.
RETURN_PATH: Final = "/login/oidc/callback"
#: Only signatures by the provider's private key: neither `none` nor HS256, whose key would be the public one.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Seconds for one answer, for the difference between clocks, and for which the provider's addresses are cached.
ANSWER_SECONDS, LEEWAY, CACHE_SECONDS = 10.0, 60, 600.0
#: Codes exchanged at once: a slow provider must not hold all threads of this process.
_EXCHANGES = threading.Semaphore(5)
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_UNAVAILABLE: Final = (
    "Your organisation's sign-in is not working properly. Try again in a moment, or sign in another way."
)
_UNTRUSTED: Final = "Your organisation's sign-in sent an answer we cannot trust. Start again from the sign-in page."


@dataclass(frozen=True, slots=True)
class Provider:
    """The addresses that the issuer publishes."""

    authorize: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in attempt, bound to the browser that began it; it is stored, sealed, in that browser alone."""

    state: str
    nonce: str
    verifier: str
    next: str


_known: dict[str, tuple[float, Provider]] = {}


def is_set_up() -> bool:
    """Tell whether people may sign in with a provider."""
    return bool(settings().oidc_issuer and settings().oidc_client_id and settings().public_url)


def begin(next_path: str) -> tuple[Attempt, str]:
    """Return a new attempt and the provider's address to send the browser to. Raises NotSignedIn."""
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), next_path)
    address = discover().authorize
    with _client() as client:
        address, _ = client.create_authorization_url(
            address, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier
        )
    return attempt, address


def claims_of(attempt: Attempt, code: str) -> Mapping[str, Any]:
    """Exchange a code for the claims about the person, all checked. Raises NotSignedIn."""
    provider = discover()
    if not _EXCHANGES.acquire(blocking=False):
        raise NotSignedIn(_UNAVAILABLE)
    try:
        with _client() as client:
            token = client.fetch_token(provider.token, code=code, code_verifier=attempt.verifier, auth=_secret())
            keys = KeySet.import_key_set(_get(client, provider.keys))
        return _verified(token["id_token"], keys, attempt.nonce)
    except httpx2.HTTPStatusError:
        raise NotSignedIn(_UNTRUSTED) from None
    except httpx2.HTTPError:
        raise NotSignedIn(_UNAVAILABLE) from None
    except (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotSignedIn(_UNTRUSTED) from None
    finally:
        _EXCHANGES.release()


def _verified(id_token: object, keys: KeySet, nonce: str) -> Mapping[str, Any]:
    ours = settings().oidc_client_id or ""
    token = jwt.decode(str(id_token), keys, algorithms=ALGORITHMS)
    expected: dict[str, Any] = {
        "iss": {"essential": True, "value": settings().oidc_issuer or ""},
        "aud": {"essential": True, "value": ours},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    claims = CodeIDToken(token.claims, token.header, expected, {"client_id": ours, "nonce": nonce})
    claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY)
    return claims


def discover() -> Provider:
    """Return the provider's addresses, from the cache or from the provider. Raises NotSignedIn."""
    issuer = settings().oidc_issuer or ""
    at, known = _known.get(issuer, (0.0, None))
    if known and time.monotonic() - at < CACHE_SECONDS:
        return known
    try:
        with _client() as client:
            metadata = _get(client, get_well_known_url(issuer, external=True))
            if metadata["issuer"] != issuer:
                raise NotSignedIn(_UNTRUSTED)
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            provider = Provider(*(_safe(str(metadata[name])) for name in names))
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, RecursionError):
        raise NotSignedIn(_UNAVAILABLE) from None
    _known[issuer] = (time.monotonic(), provider)
    return provider


def _get(client: OAuth2Client, address: str) -> Any:
    return client.get(_safe(address), auth=None).raise_for_status().json()


def _safe(address: str) -> str:
    """Return an address in ASCII if its traffic is private (https or this machine). Raises ValueError."""
    try:
        address = str(httpx2.URL(address))
    except httpx2.InvalidURL:
        raise ValueError(address) from None
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(address)
    return address


def _return_address() -> str:
    return (settings().public_url or "").rstrip("/") + RETURN_PATH


def _secret() -> httpx2.BasicAuth | None:
    """Return the client's id and secret, quoted as RFC 6749 (2.3.1) requires and Authlib does not."""
    secret = settings().oidc_client_secret
    return httpx2.BasicAuth(quote(settings().oidc_client_id or "", safe=""), quote(secret, safe="")) if secret else None


def _client() -> OAuth2Client:
    return OAuth2Client(
        settings().oidc_client_id,
        scope="openid email profile",
        redirect_uri=_return_address(),
        code_challenge_method="S256",
        transport=LimitedTransport(trust_env=False, verify=trusted()),
        timeout=ANSWER_SECONDS,
        follow_redirects=False,
    )
