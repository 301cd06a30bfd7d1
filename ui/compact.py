"""Fewer bytes: assets that browsers keep for ever, and compressed answers to those who read.

Compression tells an eavesdropper how alike two parts of an answer are. So only GET is compressed: secrets are shown in
answers to POST, the session's cookie is in no body, and other sites cannot make a signed-in request (SameSite=Lax).
"""

from mimetypes import guess_type
from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from ui import design

#: zlib's own usual level; the highest takes twice the time for half a percent.
LEVEL: Final = 6
#: Fewer bytes fit into one packet anyway.
FEWEST_BYTES: Final = 1_000
_WHERE: Final = ("/api/", f"{design.ASSETS_URL}/")


class Compact:
    """ASGI middleware: compresses assets, and the API's answers to GET. NiceGUI compresses its pages itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._compressing = GZipMiddleware(app, minimum_size=FEWEST_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a compressed answer where that is safe."""
        compresses = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(_WHERE)
        await (self._compressing if compresses else self.app)(scope, receive, send)


class Assets(StaticFiles):
    """The files of assets, each with what design.py serves together with it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, for ever if the address names its present content: another replica may still have another."""
        if path in design.BUNDLES:
            answer = Response(design.content_of(path), media_type=guess_type(path)[0])
        else:
            answer = await super().get_response(path, scope)
            if answer.status_code not in (200, 304):
                return answer
        is_present = scope["query_string"] == f"v={design.mark_of(path)}".encode()
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_present else "no-cache"
        return answer
