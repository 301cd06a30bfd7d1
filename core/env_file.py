"""The file .env: readable or refused with the line to look at, and its names checked. Its values are never printed."""

from pathlib import Path

from dotenv import dotenv_values

from core.errors import Unusable

PATH = Path(".env")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def names() -> set[str]:
    """Return the names that .env sets; none where there is no such file."""
    return set(dotenv_values(PATH, interpolate=False)) if PATH.is_file() else set()


def check() -> None:
    """Raise Unusable, with the line, when .env cannot be read as UTF-8."""
    content = PATH.read_bytes() if PATH.is_file() else b""
    if content.startswith(_UTF16):
        raise Unusable(".env is saved as UTF-16. Save it as UTF-8, as plain text.")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unusable(f"Line {line} of .env is not UTF-8. Save the file as UTF-8, as plain text.") from None
