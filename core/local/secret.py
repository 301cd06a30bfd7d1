"""The key that encrypts provider tokens, generated once where none is set."""

from pathlib import Path

from core.errors import Unusable
from core.local.folders import absolute, explaining_errors, prepare
from core.local.kept import make_secret


def secret_key(data_dir: Path) -> tuple[str, bool]:
    """Return the data directory's key, and whether it was generated just now. Raises Unusable."""
    data_dir = absolute(data_dir)
    prepare(data_dir)
    path = data_dir / "secret_key"
    with explaining_errors(data_dir):
        made = not path.exists() and make_secret(path)
        key = path.read_text().strip()
    if not key:
        raise Unusable(f"{path} is empty: restore the key from a backup, or delete the file to generate a new one.")
    return key, made
