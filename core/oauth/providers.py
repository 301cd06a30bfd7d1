"""The platforms that a creator can connect, as values: addresses, scopes and habits, from their public documentation.

`make run` has a provider of its own, the sandbox: it stands in for each platform that is not set up, so that all of it
can be tried offline.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.settings import settings


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """A platform without refresh tokens: an access token is exchanged for one that lives longer, by GET.

    `first` follows the code, `again` comes before the token ends: each an address and a grant type.
    """

    first: tuple[str, str]
    again: tuple[str, str]
    #: The parameter that holds the present token.
    parameter: str = "access_token"


@dataclass(frozen=True, slots=True)
class ProfileFields:
    """Where the account's id and name stand in the profile's JSON: keys, and places in lists."""

    account: tuple[str | int, ...]
    handle: tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OAuthProvider:
    """One platform."""

    platform: str
    #: Its name in sentences.
    label: str
    authorize: str
    token: str
    profile: str
    profile_fields: ProfileFields
    #: None: the platform has no such address.
    revoke: str | None = None
    introspect: str | None = None
    scopes: tuple[str, ...]
    scope_separator: str = " "
    #: How the client's id is called in requests.
    id_parameter: str = "client_id"
    #: More parameters of the consent page.
    extra: Mapping[str, str] = field(default_factory=dict)
    has_pkce: bool = True
    exchange: TokenExchange | None = None
    #: A refresh token is spent by its use, and the answer brings the next one.
    rotates: bool = False
    #: Revoking one token ends all access of the account, also by newer tokens.
    revokes_all: bool = False
    #: Revoking takes the access token, not the refresh token.
    revokes_access: bool = False
    #: Revoking is a DELETE with the token as its authorization, not a request of RFC 7009.
    revokes_by_delete: bool = False
    is_sandbox: bool = False

    @property
    def client_id(self) -> str:
        """Our id at the platform; empty: not set up."""
        if self.is_sandbox:
            return f"unstuck-{self.platform}"
        return getattr(settings(), f"{self.platform}_client_id") or ""

    @property
    def client_secret(self) -> str:
        """The secret that belongs to the id."""
        secret = settings().sandbox_secret if self.is_sandbox else getattr(settings(), f"{self.platform}_client_secret")
        return secret or ""


_GRAPH: Final = "https://graph.facebook.com/v21.0"
_INSTAGRAM: Final = "https://graph.instagram.com"

_REAL: Final = (
    OAuthProvider(
        platform="instagram",
        label="Instagram",
        authorize="https://www.instagram.com/oauth/authorize",
        token="https://api.instagram.com/oauth/access_token",  # noqa: S106 - an address
        profile=f"{_INSTAGRAM}/me?fields=user_id,username",
        profile_fields=ProfileFields(("user_id",), ("username",)),
        scopes=("instagram_business_basic", "instagram_business_manage_comments"),
        scope_separator=",",
        has_pkce=False,
        exchange=TokenExchange(
            (f"{_INSTAGRAM}/access_token", "ig_exchange_token"),
            (f"{_INSTAGRAM}/refresh_access_token", "ig_refresh_token"),
        ),
    ),
    OAuthProvider(
        platform="youtube",
        label="YouTube",
        authorize="https://accounts.google.com/o/oauth2/v2/auth",
        token="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        profile="https://www.googleapis.com/youtube/v3/channels?part=id,snippet&mine=true",
        profile_fields=ProfileFields(("items", 0, "id"), ("items", 0, "snippet", "title")),
        revoke="https://oauth2.googleapis.com/revoke",
        scopes=("https://www.googleapis.com/auth/youtube.readonly",),
        extra={"access_type": "offline", "prompt": "consent"},
        revokes_all=True,
    ),
    OAuthProvider(
        platform="tiktok",
        label="TikTok",
        authorize="https://www.tiktok.com/v2/auth/authorize/",
        token="https://open.tiktokapis.com/v2/oauth/token/",  # noqa: S106 - an address
        profile="https://open.tiktokapis.com/v2/user/info/?fields=open_id,display_name",
        profile_fields=ProfileFields(("data", "user", "open_id"), ("data", "user", "display_name")),
        revoke="https://open.tiktokapis.com/v2/oauth/revoke/",
        scopes=("user.info.basic", "video.list"),
        scope_separator=",",
        id_parameter="client_key",
        has_pkce=False,
        rotates=True,
        revokes_all=True,
        revokes_access=True,
    ),
    OAuthProvider(
        platform="facebook",
        label="Facebook",
        authorize="https://www.facebook.com/v21.0/dialog/oauth",
        token=f"{_GRAPH}/oauth/access_token",
        profile=f"{_GRAPH}/me?fields=id,name",
        profile_fields=ProfileFields(("id",), ("name",)),
        revoke=f"{_GRAPH}/me/permissions",
        scopes=("public_profile", "pages_show_list"),
        scope_separator=",",
        has_pkce=False,
        exchange=TokenExchange(
            (f"{_GRAPH}/oauth/access_token", "fb_exchange_token"),
            (f"{_GRAPH}/oauth/access_token", "fb_exchange_token"),
            parameter="fb_exchange_token",
        ),
        revokes_all=True,
        revokes_by_delete=True,
    ),
)
_BY_PLATFORM: Final = {each.platform: each for each in _REAL}
#: The platform that exists in the sandbox alone.
SANDBOX: Final = "sandbox"


def provider_of(platform: str) -> OAuthProvider | None:
    """Return a platform's provider: its own if it is set up, else the sandbox; None: it cannot be connected here."""
    real = _BY_PLATFORM.get(platform)
    if real and real.client_id:
        return real
    known = {**{name: each.label for name, each in _BY_PLATFORM.items()}, SANDBOX: "Sandbox"}
    url = settings().sandbox_url
    return _in_sandbox(platform, known[platform], url) if url and platform in known else None


def label_of(platform: str) -> str:
    """Return a platform's name in sentences, also of one that cannot be connected here."""
    return _BY_PLATFORM[platform].label if platform in _BY_PLATFORM else platform.capitalize()


def all_platforms() -> tuple[str, ...]:
    """Return the platforms that a creator sees, in their order; the sandbox only where it runs."""
    return (*_BY_PLATFORM, *([SANDBOX] if settings().sandbox_url else []))


def usable_platforms() -> tuple[str, ...]:
    """Return the platforms that can be connected here."""
    return tuple(platform for platform in all_platforms() if provider_of(platform))


def _in_sandbox(platform: str, label: str, url: str) -> OAuthProvider:
    return OAuthProvider(
        platform=platform,
        label=label,
        authorize=f"{url}/authorize",
        token=f"{url}/token",
        profile=f"{url}/me",
        profile_fields=ProfileFields(("id",), ("handle",)),
        revoke=f"{url}/revoke",
        introspect=f"{url}/introspect",
        scopes=("profile", "interactions"),
        rotates=True,
        is_sandbox=True,
    )
