"""The settings of what is outside: the mail server, where alerts and webhooks go, and the platforms' client ids."""

import re
from base64 import b64decode
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from core.address import mail_sender, mail_server

_KEY_FORM: Final = "write whsec_ and 24 to 64 random bytes as base64, as `openssl rand -base64 32` makes them"
#: What webhooks can be told of.
EVENTS: Final = ("alert.raised", "alert.over", "job.succeeded", "job.failed", "job.cancelled")
#: A host's name in ASCII, as requests are made to it.
_HOST: Final = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?", re.IGNORECASE
)
_LONGEST_URL: Final = 4_000
_WEBHOOK: Final = "write each as https://host/path; http is for this machine alone"


class OutsideSettings(BaseSettings):
    """The part of the settings that is about other programs."""

    smtp_url: str | None = Field(
        default=None,
        alias="SMTP_URL",
        description="SMTP server for outgoing e-mail; unset: e-mail waits in the outbox.",
    )
    mail_from: str | None = Field(
        default=None, description="Sender of outgoing e-mail; unset: unstuck at the host of UNSTUCK_PUBLIC_URL."
    )
    alerts: str = Field(
        default="",
        description="Where alerts go: addresses of apprise (slack://…), separated by spaces; unset: nobody is told.",
    )
    alert_wait_minutes: float = Field(
        default=5,
        gt=0,
        allow_inf_nan=False,
        description="A job that has been due for longer, in a queue that workers serve, is an alert.",
    )
    webhooks: str = Field(
        default="", description="URLs that get events by POST, separated by spaces: https, or http on this machine."
    )
    webhook_secret: str = Field(
        default="", validate_default=True, description="Signs webhooks: whsec_ and 24 to 64 bytes as base64."
    )
    webhook_events: str = Field(
        default="alert.raised alert.over job.failed",
        description="What webhooks get, of alert.raised, alert.over, job.succeeded, job.failed and job.cancelled.",
    )
    sandbox_url: str | None = Field(default=None, description="Set by `run`: where its sandbox provider listens.")
    sandbox_secret: str | None = Field(default=None, description="Set by `run`: our secret at the sandbox provider.")
    instagram_client_id: str | None = Field(default=None, description="Your app's id at Instagram; unset: not offered.")
    instagram_client_secret: str | None = Field(default=None, description="The secret of your app at Instagram.")
    youtube_client_id: str | None = Field(default=None, description="Your client's id at Google; unset: not offered.")
    youtube_client_secret: str | None = Field(default=None, description="The secret of your client at Google.")
    tiktok_client_id: str | None = Field(default=None, description="Your app's key at TikTok; unset: not offered.")
    tiktok_client_secret: str | None = Field(default=None, description="The secret of your app at TikTok.")
    facebook_client_id: str | None = Field(default=None, description="Your app's id at Facebook; unset: not offered.")
    facebook_client_secret: str | None = Field(default=None, description="The secret of your app at Facebook.")
    provider_refreshes: int = Field(default=20, ge=1, description="Refreshes of one platform at once, at most.")

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, text: str | None) -> str | None:
        if not text:
            return None
        mail_server(text)
        return text

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, text: str | None) -> str | None:
        return text and str(mail_sender(text))

    @field_validator("alerts")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        if not all(re.match(r"[a-z][a-z0-9+.-]*://.", each, re.IGNORECASE) for each in value.split()):
            raise ValueError("write each as an address of apprise, such as slack://TokenA/TokenB/TokenC")
        return value

    @field_validator("webhooks")
    @classmethod
    def _are_webhooks(cls, value: str) -> str:
        for each in value.split():
            webhook_name(each)
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("webhooks") and not value:
            raise ValueError(f"UNSTUCK_WEBHOOKS is set, so {_KEY_FORM}")
        try:
            is_sound = not value or 24 <= len(b64decode(value.removeprefix("whsec_"), validate=True)) <= 64
        except ValueError:
            is_sound = False
        if not is_sound:
            raise ValueError(
                "write whsec_ and 24 to 64 random bytes as base64, as `openssl rand -base64 32` makes them"
            )
        return value

    @field_validator("webhook_events")
    @classmethod
    def _are_events(cls, value: str) -> str:
        if unknown := sorted(set(value.split()) - set(EVENTS)):
            raise ValueError(f"{unknown[0][:40]} is no event: use {', '.join(EVENTS)}")
        return value

    @property
    def webhook_event_names(self) -> tuple[str, ...]:
        """The events that webhooks get."""
        return tuple(self.webhook_events.split())


def webhook_name(text: str) -> str:
    """Return the name of a webhook's receiver for people and logs: its host, without its path, which may be a secret.

    Raises ValueError for what is not https, nor http on this machine.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(_WEBHOOK) from None
    is_private = parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost"))
    is_name = ":" in host or _HOST.fullmatch(host) is not None
    if (
        not is_name
        or ",http" in text  # several, with the wrong thing between them
        or not (text.isascii() and text.isprintable())
        or len(text) > _LONGEST_URL
        or parts.username
        or parts.fragment
        or not is_private
    ):
        raise ValueError(_WEBHOOK)
    return f"{host}:{port}" if port else host
