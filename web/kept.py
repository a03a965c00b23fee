"""Pages kept for a moment: who asks for the same again within the second, with nothing written since, gets the same.

What a page shows follows from the request, the database and the second alone. So a kept page is as true as one made
anew, with several processes too, and somebody who leans on F5 costs the others less.
"""

from starlette.requests import Request
from starlette.responses import Response

MOST = 256  # pages

Stamp = tuple[int, int]  # the version of the database and the second


class Kept:
    def __init__(self) -> None:
        self._pages: dict[tuple[object, ...], Response] = {}
        self._stamp: Stamp | None = None

    def recall(self, request: Request, stamp: Stamp) -> Response | None:
        """The answer to this very request; None when it has to be made."""
        if stamp != self._stamp:
            self._pages, self._stamp = {}, stamp
        return self._pages.get(_key(request))

    def keep(self, request: Request, stamp: Stamp, response: Response) -> None:
        """`stamp` is from before the page was made: should anything have been written since, nobody has it again."""
        is_plain = response.status_code == 200 and "set-cookie" not in response.headers
        if stamp == self._stamp and is_plain and len(self._pages) < MOST:
            self._pages[_key(request)] = response


def _key(request: Request) -> tuple[object, ...]:
    """All that the browser said, so that nothing a page depends on can be left out."""
    scope = request.scope
    return (scope["path"], scope["query_string"], scope["scheme"], *scope["headers"])
