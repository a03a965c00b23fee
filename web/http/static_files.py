"""The files of static/, compressed once for browsers that take gzip: nearly all.

Pages are not compressed: where a page repeats what a visitor sent, its compressed size gives its secrets away (BREACH).
"""

import gzip
import re
from functools import cache
from pathlib import Path

from starlette import staticfiles
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Scope

TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")


class StaticFiles(staticfiles.StaticFiles):
    """Compresses a file when it is first asked for, and keeps the result: the path changes when any file does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if not isinstance(response, FileResponse) or not TAKES_GZIP.search(
            Headers(scope=scope).get("accept-encoding", "")
        ):
            return response
        return Response(_compressed(Path(response.path)), 200, {"Content-Encoding": "gzip"}, response.media_type)


@cache
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)
