"""Answers that are files: read by a person's browser or a script part by part, however large."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi.responses import StreamingResponse

from core.export import MEDIA_TYPES, Format

#: What the documentation says of such an answer.
FILES: Final[dict[int | str, Any]] = {
    200: {"content": {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}}
}


def file_answer(name: str, parts: Iterator[str], form: Format) -> StreamingResponse:
    """Return a file that a browser saves as `name` with the ending of its format."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(parts, media_type=MEDIA_TYPES[form], headers=headers)
