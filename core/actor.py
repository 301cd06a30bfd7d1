"""Who does something, and by which way in."""

from dataclasses import dataclass
from uuid import UUID

from core.models import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who asks: a person with a role, or the program itself. `via` is console, api, cli, provider or engine."""

    id: UUID | None
    name: str
    role: Role
    via: str
    session_id: UUID | None = None
    #: The personal token that a script came with.
    token_id: UUID | None = None
    #: A token that was made for reading changes nothing, whatever its person may do.
    reads_only: bool = False

    def may(self, role: Role) -> bool:
        """Tell whether this actor has at least `role`."""
        return self.role.includes(role)


#: The program itself: automatic retries, sweeps, endings.
ENGINE = Actor(None, "engine", Role.ADMIN, "engine")
