"""A secret in a file of its owner, generated once. It imports little: the sandbox's process starts with it."""

import os
import secrets
from pathlib import Path

from core.errors import Unusable


def kept_secret(path: Path) -> str:
    """Return the secret in a file, which is made with a new one, mode 0600, if it is missing."""
    if not path.exists():
        make_secret(path)
    secret = path.read_text().strip()
    if not secret:
        raise Unusable(f"{path} is empty: delete it, and a new one is made.")
    return secret


def make_secret(path: Path) -> bool:
    """Write a new one atomically; return False when another program was faster."""
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
