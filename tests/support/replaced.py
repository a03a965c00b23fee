"""An application whose panel is partly another."""

from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send


class Panel:
    """The panel of an application with something of it replaced."""

    def __init__(self, app: ASGIApp, **replaced: object) -> None:
        self._app, self._replaced = app, replaced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"]["panel"] = replace(scope["state"]["panel"], **self._replaced)
        await self._app(scope, receive, send)
