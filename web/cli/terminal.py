"""What every command works with: the settings, the opened panel, and why one is refused."""

import argparse
import os
import secrets
import shlex
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from db.errors import Unavailable
from web.http.page import ROOT
from web.panel import Panel
from web.runtime.data_folder import DATABASE, open_panel
from web.settings import Settings, StartRefused, read_env_file
from web.words.storage import trouble_of

T = TypeVar("T")
Command = Callable[[Panel, argparse.Namespace], Awaitable[None]]


class CommandRefused(Exception):
    """The command cannot be done; the message says why."""


async def with_panel(settings: Settings, act: Callable[[Panel], Awaitable[T]], *, may_create: bool = True) -> T:
    now = lambda: datetime.now(UTC)  # noqa: E731, the terminal's clock is the machine's
    async with open_panel(settings, now, secrets.token_bytes, may_create=may_create) as panel:
        try:
            return await act(panel)
        except Unavailable as refused:
            if trouble := trouble_of(refused, settings.data):
                raise CommandRefused(f"Não foi possível gravar em {settings.data}: {trouble.value}.") from None
            raise


def settings_of(options: argparse.Namespace, **ours: object) -> Settings:
    """The environment, .env where it is silent, and the options above both; workers read them from there."""
    typed = {name: value for name in ("host", "port", "data") if (value := getattr(options, name, None)) is not None}
    os.environ.update({f"PANEL_{name.upper()}": str(value) for name, value in (typed | ours).items()})
    environment = read_env_file(ROOT / ".env") | dict(os.environ)
    settings = Settings.from_environment(environment)
    _refuse_old_place(settings.data, Path(environment.get("PANEL_DATA", "").strip() or "data").expanduser())
    return settings


def _refuse_old_place(folder: Path, said: Path) -> None:
    """Of old a folder that was not said in full was looked for where the command was typed."""
    old = said.absolute()
    if old != said and (old / DATABASE).exists() and old.resolve() != folder.resolve():
        raise StartRefused(
            f"A pasta {said} agora fica em {folder}, mas há um painel em {old}. Leve essa pasta para lá, ou diga qual "
            f"usar com o caminho completo: --data {shlex.quote(str(old))}"
        )
