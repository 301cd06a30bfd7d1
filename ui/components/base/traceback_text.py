"""A traceback to read: frames of the program open, those of libraries folded between them."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from core.wording import counted
from ui.components.base.box import box, text

_FRAME: Final = re.compile(r'^  File "(?P<path>.*)", line \d+', re.MULTILINE)
_LIBRARY: Final = re.compile(r"site-packages|dist-packages|/lib(64)?/python\d|^<frozen ")


def draw_traceback(traceback: str) -> None:
    """Draw a traceback; frames of libraries open with a press."""
    with box("code traceback"):
        for is_own, frames in folded(traceback):
            if is_own:
                text("".join(frames))
                continue
            with box("", "details"):
                text(f"{counted(len(frames), 'frame')} of libraries", "muted", tag="summary")
                text("".join(frames), "muted")


def folded(traceback: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield runs of frames and the lines between them: whether they are the program's own, and their texts."""
    for is_own, parts in groupby(_parts(traceback), key=lambda part: not _is_of_library(part)):
        yield is_own, list(parts)


def _is_of_library(part: str) -> bool:
    frame = _FRAME.match(part)
    return frame is not None and _LIBRARY.search(frame["path"]) is not None


def _parts(traceback: str) -> Iterator[str]:
    """Yield each frame with its lines, and what stands between frames: headings and messages."""
    part = ""
    for line in traceback.splitlines(keepends=True):
        # A frame's lines of code are indented by four.
        if part and (_FRAME.match(line) or (_FRAME.match(part) and not line.startswith("    "))):
            yield part
            part = ""
        part += line
    if part:
        yield part
