"""The key that encrypts provider tokens, generated once where none is set."""

import os
import secrets
from pathlib import Path

from core.errors import Unusable
from core.local.folders import absolute, explaining_errors, prepare


def secret_key(data_dir: Path) -> tuple[str, bool]:
    """Return the data directory's key, and whether it was generated just now. Raises Unusable."""
    data_dir = absolute(data_dir)
    prepare(data_dir)
    path = data_dir / "secret_key"
    with explaining_errors(data_dir):
        made = not path.exists() and _make(path)
        key = path.read_text().strip()
    if not key:
        raise Unusable(f"{path} is empty: restore the key from a backup, or delete the file to generate a new one.")
    return key, made


def _make(path: Path) -> bool:
    """Write a new key atomically; return False when another program was faster."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(descriptor)
        os.link(new, path)
    except FileExistsError:
        return False
    finally:
        new.unlink()
    return True
