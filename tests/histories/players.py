"""Who plays: what each of them knows, and the browsers they sit at."""

from dataclasses import dataclass

ADMIN, OWNER, MALLORY, CARLA = "alice", "bruno", "mallory", "carla"
NAMES = (ADMIN, OWNER, MALLORY, CARLA)
# Each has two to choose from; the first is in force when a history begins.
PASSWORDS = {
    ADMIN: ("girafa azul dança no telhado", "tigre verde canta na varanda"),
    OWNER: ("pato roxo corre na praia", "lobo cinza pula na ponte"),
    MALLORY: ("gato branco dorme no sofá", "rato preto come o queijo"),
    CARLA: ("vaca lilás pasta no morro", "peixe laranja nada no lago"),
}
WRONG_PASSWORD = "sapo torto ronca no brejo"
NO_CODE = "0000-0000-0000-0000"


@dataclass(frozen=True)
class Browser:
    name: str
    address: str
    agent: str


LIBRARY, THIEFS = "the browser of the library", "the thief's browser"
_PLACES = ("alice's browser", "bruno's browser", "bruno's phone", "mallory's browser", "carla's browser")
BROWSERS = {
    name: Browser(name, f"10.0.0.{number}", f"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) {number} Firefox/144.0")
    for number, name in enumerate((*_PLACES, LIBRARY, THIEFS), 1)
}


@dataclass(frozen=True)
class Hand:
    """A player at a browser, with what they know of an account: its password, and perhaps what its app shows."""

    player: str
    browser: str
    account: str
    has_app: bool = True

    def __str__(self) -> str:
        return f"{self.player}, at {self.browser},"


HANDS = [
    Hand("bruno", "bruno's browser", OWNER),
    Hand("bruno", "bruno's phone", OWNER),
    Hand("bruno", LIBRARY, OWNER),
    Hand("mallory", LIBRARY, OWNER, has_app=False),
    Hand("mallory", LIBRARY, MALLORY),
    Hand("mallory", "mallory's browser", OWNER, has_app=False),
    Hand("mallory", "mallory's browser", MALLORY),
    Hand("the thief", THIEFS, OWNER, has_app=False),
    Hand("the thief", THIEFS, ADMIN, has_app=False),
    Hand("carla", "carla's browser", CARLA),
    Hand("carla", LIBRARY, CARLA),
    Hand("alice", "alice's browser", ADMIN),
]
