"""Every setting, declared once with one sentence. Settings come from the environment and from .env."""

import difflib
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict

from core import env_file
from core.address import as_text, broker_address, database_address
from core.errors import Unusable
from core.outside_settings import OutsideSettings
from core.quoting import as_argument
from core.wording import PROGRAM, plain_message

PREFIX = "UNSTUCK_"
#: The largest weight of a queue.
MOST_WEIGHT = 1_000
#: Variables that the program sets for its child processes.
_BETWEEN_PROCESSES = {"UNSTUCK_CHILD", "UNSTUCK_CHILD_KEY", "UNSTUCK_LAUNCH"}


class Settings(OutsideSettings):
    """The program's settings; names with an alias have no UNSTUCK_ prefix."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=env_file.PATH, env_file_encoding="utf-8-sig", extra="ignore", populate_by_name=True
    )

    database_url: str | None = Field(
        default=None, alias="DATABASE_URL", description="PostgreSQL 14 or newer; unset: an embedded server."
    )
    redis_url: str | None = Field(
        default=None, alias="REDIS_URL", description="Redis or Valkey; unset: an embedded server."
    )
    database_schema: str | None = Field(
        default=None,
        alias="UNSTUCK_SCHEMA",
        min_length=1,
        max_length=63,
        description="The schema of all tables in DATABASE_URL's database; unset: the first of its search_path.",
    )
    demo_service_url: str | None = Field(
        default=None,
        alias="DEMO_SERVICE_URL",
        description="URL of the remote demo service; unset: the built-in generator.",
    )

    secret_key: str | None = Field(
        default=None, description="Encrypts provider tokens; unset: created once in the data directory."
    )
    previous_secret_keys: str = Field(
        default="",
        description="Former secret keys, comma-separated: data encrypted or sealed with them stays readable.",
    )
    public_url: str | None = Field(default=None, description="The URL that people open, for links and the Host check.")
    hosts: str = Field(
        default="", description="Additional host names the console answers to, comma- or space-separated; * allows any."
    )
    proxies: str = Field(
        default="",
        description="Addresses of your reverse proxies, comma-separated: only their X-Forwarded-For is trusted.",
    )
    connections_per_address: int = Field(
        default=300, ge=1, description="Connections that one address may have open; your proxies are not limited."
    )
    data_dir: Path = Field(
        default=Path(".unstuck"), description="Directory of the embedded servers and the secret key."
    )

    heartbeat_seconds: float = Field(
        default=10, gt=0, description="Seconds between two heartbeats of a worker process."
    )
    lease_seconds: float = Field(
        default=30, gt=0, description="A worker without a heartbeat for this long is presumed dead."
    )
    sweep_seconds: float = Field(
        default=5, gt=0, description="Seconds between two sweeps for lost and overlooked jobs."
    )
    orphan_minutes: float = Field(
        default=5, gt=0, description="A half-done job fails when no worker could go on with it for this long."
    )
    grace_seconds: float = Field(
        default=25, ge=0, description="How long a stopping worker waits for its jobs to reach a checkpoint."
    )
    backoff_seconds: float = Field(
        default=5, ge=0, description="Pause before the second attempt; it doubles each time."
    )
    step_seconds: float = Field(
        default=300, gt=0, description="A job that reaches no checkpoint for this long is taken from its worker."
    )
    demo_step_seconds: float = Field(
        default=0, ge=0, description="Slows the demo generator down, for trying things out."
    )
    demo_service_timeout_seconds: float = Field(
        default=10, gt=0, description="How long the demo service may take to answer."
    )
    queue_weights: str = Field(
        default="", description="How queues share a worker's threads, as queue=weight; a queue without one has 1."
    )
    retention_days: int = Field(
        default=30, ge=1, description="Finished jobs older than this are deleted, with their events."
    )
    audit_archive_dir: Path | None = Field(
        default=None, description="Folder that old entries of the audit log move to; unset: they stay in the database."
    )
    audit_retention_days: int = Field(
        default=400, ge=1, description="Entries of the audit log older than this may be archived."
    )
    session_idle_minutes: float = Field(default=30, gt=0, description="A session unused for this long ends.")
    session_hours: float = Field(default=12, gt=0, description="A session ends after this long in any case.")
    oidc_issuer: str | None = Field(default=None, description="URL of the OpenID provider for sign-in; unset: none.")
    oidc_client_id: str | None = Field(default=None, description="This console's client id at the OpenID provider.")
    oidc_client_secret: str | None = Field(default=None, description="The client secret that belongs to the client id.")
    oidc_role_claim: str | None = Field(
        default=None, description="The claim that holds a person's roles; unset: people and roles are managed here."
    )
    oidc_roles: str = Field(default="", description="Maps the claim's values to roles, as value=role.")
    environment: str = Field(default="local", description="Shown in the top bar: local, staging, production.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines that are logged; debug shows each try of an outage too."
    )
    crash_at: str | None = Field(
        default=None, description="Test hook: <name>[:n] ends the process at that point of the engine."
    )

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, text: str | None) -> str | None:
        return text and as_text(database_address(text))

    @field_validator("redis_url")
    @classmethod
    def _is_broker(cls, text: str | None) -> str | None:
        return text and broker_address(text)

    @field_validator("queue_weights")
    @classmethod
    def _require_weights(cls, value: str) -> str:
        for pair in value.split():
            queue, _, weight = pair.partition("=")
            if not (queue and weight.isascii() and weight.isdigit() and 1 <= int(weight) <= MOST_WEIGHT):
                raise ValueError(f"write queue=weight, with spaces between pairs and weights from 1 to {MOST_WEIGHT:,}")
        return value

    @property
    def previous_keys(self) -> tuple[str, ...]:
        """The former secret keys, latest first."""
        return tuple(key.strip() for key in self.previous_secret_keys.split(",") if key.strip())

    @property
    def weights(self) -> dict[str, int]:
        """The weights of queues that have one."""
        pairs = (pair.rpartition("=") for pair in self.queue_weights.split())
        return {queue: int(weight) for queue, _, weight in pairs}

    @property
    def heartbeat(self) -> timedelta:
        """Time between two heartbeats of a worker process."""
        return timedelta(seconds=self.heartbeat_seconds)

    @property
    def lease(self) -> timedelta:
        """How long a worker may go without a heartbeat before it is presumed dead."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def orphan_patience(self) -> timedelta:
        """How long a queue may have no worker before the jobs that one has begun there end as failed."""
        return max(timedelta(minutes=self.orphan_minutes), self.lease)

    @property
    def step_limit(self) -> timedelta:
        """How long a job may run without reaching a checkpoint."""
        return timedelta(seconds=self.step_seconds)


@lru_cache
def settings() -> Settings:
    """Return this process's settings, read once.

    Raises Unusable, naming the setting and its allowed values, when a value is invalid or .env is unreadable.
    """
    env_file.check()
    try:
        return Settings()
    except ValidationError as error:
        raise Unusable("\n".join(_sentences(error))) from None


def data_dir_option() -> str:
    """Return the option of a command to copy that names this process's data directory; empty: it is the default."""
    own, default = settings().data_dir.absolute(), Path(Settings.model_fields["data_dir"].default).absolute()
    return "" if own == default else f" --data-dir {as_argument(str(own))}"


def worker_command() -> str:
    """Return the command that starts a worker of this process's installation from a shell."""
    return f"{PROGRAM} worker{data_dir_option()}"


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        name = "_".join(str(part) for part in problem["loc"]).upper()
        variable = name if name in _names() else PREFIX + name
        # A text is not quoted: it may be an address with its password, or a key.
        is_text = problem["type"] in ("value_error", "string_unicode")
        value = "is not usable" if is_text else f"is {problem['input']!r}"
        yield f"{variable} {value}: {_plain(problem['msg'])}. Change it in the environment or in .env."


def _plain(message: str) -> str:
    said = plain_message(message)
    return said if said[:2].isupper() else said[:1].lower() + said[1:]


def _names() -> set[str]:
    return _BETWEEN_PROCESSES | {field.alias or PREFIX + name.upper() for name, field in Settings.model_fields.items()}


def unknown_names() -> Iterator[str]:
    """Yield one warning for each unknown UNSTUCK_ name in the environment or .env, with the nearest known name."""
    env_file.check()
    known = _names()
    for name in sorted((set(os.environ) | env_file.names()) - known):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name, known, n=1)
            yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ".")
