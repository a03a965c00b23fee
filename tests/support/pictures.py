"""The pictures of the READMEs: `python3 run.py pictures` takes them anew, with `--check` it tells what moved since.

The panel in them has a clock that stands and secrets that are always the same, so that only what was changed changes.
"""

import argparse
import asyncio
import functools
import hashlib
import itertools
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright

from tests.browser.authenticators import Device
from tests.browser.steps import give_password, prove, set_up
from tests.support import chromium
from tests.support.clock import Clock
from tests.support.live import live
from tests.support.people import code_for
from web.app import create_app
from web.cli.serve import new_setup_code
from web.http.page import ROOT
from web.limits import Cost
from web.runtime.data_folder import open_panel
from web.settings import Settings

KEPT = ROOT / "docs/pictures"
SIZES = {"desktop": (960, 640), "phone": (390, 780)}
STRANGE = 40  # of 255: a pixel that differs by more was drawn otherwise, not only smoothed otherwise
TOLERANCE = 0.005  # of all pixels


class World(Clock):
    def __init__(self) -> None:
        super().__init__()
        self._counter = itertools.count()

    def token_bytes(self, count: int) -> bytes:
        return hashlib.shake_256(str(next(self._counter)).encode()).digest(count)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py pictures")
    parser.add_argument("--check", action="store_true", help="compara com as imagens guardadas em vez de trocá-las")
    is_check = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) if is_check else KEPT
        take(target)
        told = [difference(KEPT / taken.name, taken) for taken in sorted(target.glob("*.png"))] if is_check else []
    moved = [words for words in told if words]
    print("\n".join(moved) or ("Nada mudou." if is_check else f"Imagens em {KEPT.relative_to(ROOT)}."))
    return 1 if moved else 0


def take(target: Path) -> None:
    """The walk in six pictures, each on a desktop and on a phone, in light and in dark."""
    target.mkdir(parents=True, exist_ok=True)
    with panel() as (address, code, world), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(playwright))
        page = browser.new_page(base_url=address, locale="pt-BR", timezone_id="America/Sao_Paulo")
        walk(page, code, world, lambda name: shoot(page, target, name))
        browser.close()


@contextmanager
def panel() -> Iterator[tuple[str, str, World]]:
    """Its address, set-up code and world. Under a name: for an IP address browsers have no passkeys."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        world, address = World(), f"http://localhost:{listener.getsockname()[1]}"
        cost = Cost(memory_kib=8, passes=1, lanes=1)
        settings = Settings(data=Path(folder) / "data", public_url=address, hash_cost=cost)

        async def begin() -> str | None:
            async with open_panel(settings, world, world.token_bytes) as opened:
                return await new_setup_code(opened)

        code = asyncio.run(begin())
        assert code
        with live(create_app(settings, now=world, token_bytes=world.token_bytes), listener=listener):
            yield address, code, world


def walk(page: Page, code: str, world: World, shoot: Callable[[str], None]) -> None:
    set_up(page, code)
    shoot("1-hub")
    page.click("#configure")
    page.wait_for_selector("#key")
    shoot("2-qr")
    key = page.inner_text("#key").replace(" ", "")
    page.fill("#code", code_for(key, world.at))
    page.wait_for_selector("#codes")
    shoot("3-codes")
    for name in ("Atendimento", "Loja do Centro"):
        page.goto("/instances")
        page.fill("#new-name", name)
        page.click("#create-instance")
        page.get_by_role("rowheader", name=name).wait_for()
    page.click("#sign-out")
    give_password(page)
    shoot("4-challenge")
    page.fill("#code", code_for(key, world.forward(seconds=30)))
    page.wait_for_selector("#new-instance")
    shoot("5-instances")
    Device(page, automaticPresenceSimulation=True)
    page.goto("/security/passkeys")
    page.click("#add-passkey")
    prove(page, code_for(key, world.forward(seconds=30)))
    page.get_by_label("Nome", exact=True).fill("Celular da Ana")
    page.get_by_role("button", name="Salvar nome").click()
    page.get_by_text("Agora ela se chama Celular da Ana.").wait_for()
    page.goto("/security/passkeys")
    shoot("6-passkeys")


def shoot(page: Page, target: Path, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("scrollTo(0, 0)")
            file = target / f"{name}-{size}-{scheme}.png"
            page.screenshot(path=file)
            with Image.open(file) as drawn:
                drawn.quantize(64).save(file, optimize=True)  # a third of the bytes, and nobody sees it


def difference(kept: Path, taken: Path) -> str:
    """What moved since the kept picture, in words; "" within the tolerance."""
    if not kept.exists():
        return f"{taken.name}: não há imagem guardada."
    with Image.open(kept) as before, Image.open(taken) as after:
        if before.size != after.size:
            return f"{taken.name}: o tamanho mudou de {before.size} para {after.size}."
        apart = ImageChops.difference(before.convert("RGB"), after.convert("RGB")).split()
    most = functools.reduce(ImageChops.lighter, apart)  # of the three colours
    strange = most.point(lambda value: 255 * (value > STRANGE))
    share = strange.histogram()[255] / (strange.width * strange.height)
    if share <= TOLERANCE:
        return ""
    left, top, right, bottom = strange.getbbox() or (0, 0, 0, 0)
    return f"{taken.name}: {share:.1%} dos pontos mudaram, entre ({left}, {top}) e ({right}, {bottom})."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
