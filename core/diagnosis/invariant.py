"""What an invariant is; core/diagnosis/invariants.py has all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule that must hold, the query that finds rows which break it, and the remedy."""

    name: str
    says: str
    sql: str
    remedy: str
    #: Reads only indexes over unfinished jobs and transitional states: fast enough for a probe on tables of any size.
    is_cheap: bool = False
