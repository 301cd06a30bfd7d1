"""The actor of a change: a person or the program, and the channel it came through."""

from dataclasses import dataclass
from uuid import UUID

from core.models import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with a role, or the program itself. `via` is console, api, cli, provider or engine."""

    id: UUID | None
    name: str
    role: Role
    via: str
    session_id: UUID | None = None
    #: The personal token that authenticated a script.
    token_id: UUID | None = None
    #: A read-only token changes nothing, whatever role its owner has.
    reads_only: bool = False

    def may(self, role: Role) -> bool:
        """Return whether this actor has at least `role`."""
        return self.role.includes(role)


#: The program itself: automatic retries, sweeps, finished jobs.
ENGINE = Actor(None, "engine", Role.ADMIN, "engine")
