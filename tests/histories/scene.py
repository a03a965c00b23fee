"""Runs the acts of a history: sends each one, checks the invariants, and keeps the story to print."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine
from starlette.routing import Route

from tests.histories.acts import ACTS, NOW, RIGHT, Form, Proof, Turn, prove
from tests.histories.deed import Deed, cookies_given
from tests.histories.invariants import AFTERWARDS, BEFORE_IT_IS_KNOWN
from tests.histories.players import HANDS, Hand
from tests.histories.snapshot import Book, Row
from tests.histories.stage import Jar, Prepared
from web.guards.guard import Demand, State, demand_of
from web.routes import ROUTES
from web.visit.cookies import digest

POSTS = {route.path: route for route in ROUTES if isinstance(route, Route) and "POST" in (route.methods or ())}
GETS = {route.path: route for route in ROUTES if isinstance(route, Route) and "GET" in (route.methods or ())}
ASKING = {State.RECENTLY_VERIFIED, State.VERIFY_NOW, State.BINDING}


PROLOGUE = (
    "alice administers the panel; she, bruno and mallory have a second factor, carla has none. Each of them has been "
    "signed in at home for six minutes. mallory knows bruno's password too; the thief knows that and alice's."
)


class Broken(AssertionError):
    """Something that must hold does not; the message is the story of how it came to that."""


def demand(route: Route) -> Demand:
    found = demand_of(route)
    assert found
    return found


class Scene(RuleBasedStateMachine):
    prepared: ClassVar[Prepared]
    posted: ClassVar[set[str]] = set()
    noted: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="histories-")
        self.stage = self.prepared.begin(Path(self._folder.name, "data"), seed=2)
        panel, people = self.stage.panel, self.prepared.secrets
        keys = {digest(f"account {number}"): number for number in people}
        keys |= {panel.vault.tag("name", one.name): number for number, one in people.items()}
        self.book = Book(str(panel.settings.data / "panel.db"), keys)
        self.model = self.prepared.model()
        self.now = self.book.read(self.stage.clock())
        self.model.begin(self.now)
        self.told = self.book.lines(0)[-1].id
        self.before: Jar = {}  # the cookie of the session that a browser had before
        self.story: list[str] = []

    def teardown(self) -> None:
        self.book.close()
        self.stage.close()
        self._folder.cleanup()

    def _next(self, hand: Hand, is_there: Callable[[Hand], object]) -> Hand:
        """The same, or the next who has what it takes."""
        first = HANDS.index(hand)
        return next((one for one in HANDS[first:] + HANDS[:first] if is_there(one)), hand)

    def _inside(self, hand: Hand) -> Hand:
        return self._next(hand, self._session)

    def _session(self, hand: Hand) -> Row | None:
        return self.now.session(digest(self.stage.jars[hand.browser].get("sid", "")))

    def _has_tab_of_before(self, hand: Hand) -> bool:
        """Whether another tab proved who it is, which this one has not heard of."""
        return digest(self.before.get(hand.browser, "")) in self.model.former

    def _pending_login(self, hand: Hand) -> Row | None:
        return self.now.pending_login(digest(self.stage.jars[hand.browser].get("pre", "")))

    def _act(
        self,
        hand: Hand,
        path: str,
        proof: Proof | None,
        *,
        pick: int = 0,
        code: str = NOW,
        password: str = RIGHT,
        is_tab_of_before: bool = False,
    ) -> None:
        cookies = self._cookies(hand, is_tab_of_before)
        turn = self._turn(hand, cookies, pick=pick, code=code, password=password)
        form = ACTS[path](turn)
        said = f"posts {path} {form.said}".rstrip() + (" from the tab of a moment before" if is_tab_of_before else "")
        if proof and demand(POSTS[path]).door in ASKING:  # nowhere else do they belong in the form
            proved = prove(turn, proof)
            form.fields |= proved.fields
            is_over = proved.is_incomplete or path == "/security/password"  # which then asks for no password again
            form.claims = proved.claims + ([] if is_over else form.claims)
            said = f"{said}, {proved.said}"
        form.said = said
        self._post(hand, path, form, named=form.named, cookies=cookies)

    def _turn(
        self, hand: Hand, cookies: Jar | None = None, *, pick: int = 0, code: str = NOW, password: str = RIGHT
    ) -> Turn:
        sent = self._cookies(hand) if cookies is None else cookies
        session = self.now.session(digest(sent["sid"])) if "sid" in sent else None
        return Turn(hand, self.model, self.now, self.stage.clock(), session, pick, password, code)

    def _cookies(self, hand: Hand, is_of_before: bool = False) -> Jar:
        jar = dict(self.stage.jars[hand.browser])
        return jar | {"sid": self.before[hand.browser]} if is_of_before and hand.browser in self.before else jar

    def _post(self, hand: Hand, path: str, form: Form, *, named: int | None = None, cookies: Jar | None = None) -> None:
        self._send(hand, "POST", POSTS[path], form, self._cookies(hand) if cookies is None else cookies, named)

    def _send(self, hand: Hand, method: str, route: Route, form: Form, sent: Jar, named: int | None = None) -> None:
        deed = Deed(
            f"{hand} {form.said}",
            self.now,
            form.claims,
            route.path,
            method,
            demand(route),
            sent=sent,
            named=named,
            may_change_password_to=form.may_change_password_to,
        )
        address = route.path.replace("{id:int}", form.id).replace("{id}", form.id)
        try:
            deed.answer = self.stage.send(hand.browser, method, address, form.fields, sent)
        except Exception as fault:
            raise Broken(self._told([f"{deed.said}: the panel fails"], [repr(fault)])) from fault
        given = cookies_given(deed.answer)
        if "sid" in given and "sid" in self.stage.jars[hand.browser]:
            self.before[hand.browser] = self.stage.jars[hand.browser]["sid"]
        self.stage.keep(hand.browser, given)
        self._look(deed)

    def _look(self, deed: Deed) -> None:
        """Whether all that must hold does."""
        deed.after, deed.lines = self.book.read(self.stage.clock()), self.book.lines(self.told)
        self.told = deed.lines[-1].id if deed.lines else self.told
        self.now = deed.after
        Scene.posted |= {deed.path} if deed.method == "POST" else set()
        Scene.noted |= {line.event for line in deed.lines}
        self.story.append(f"{deed.said}{_answered(deed)}")
        broken = [words for rule in BEFORE_IT_IS_KNOWN for words in rule(deed, self.model)]
        if not broken:
            self.model.follow(deed)
            broken = [words for rule in AFTERWARDS for words in rule(deed, self.model)]
        if broken:
            raise Broken(self._told([], broken))

    def _told(self, more: Sequence[str], broken: Sequence[str]) -> str:
        steps = [f"{number}. {words}" for number, words in enumerate([*self.story, *more], 1)]
        return "\n".join(["", PROLOGUE, *steps, "Then: " + "; ".join(dict.fromkeys(broken))])


def _answered(deed: Deed) -> str:
    if deed.answer is None:
        return ""
    location = deed.answer.headers.get("location", "")
    return f": {deed.status}" + (f", on to {location}" if location else "")
