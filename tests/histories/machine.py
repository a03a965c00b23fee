"""The state machine that makes up histories: random acts of random people in random browsers."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.histories.acts import (
    ACTS,
    NEXT,
    NONE,
    NOW,
    RECOVERY,
    RIGHT,
    SPENT,
    USED,
    WRONG,
    Form,
    Proof,
    another_password,
    prove,
)
from tests.histories.deed import Claim, Deed
from tests.histories.players import ADMIN, BROWSERS, HANDS, NAMES, THIEFS, Hand
from tests.histories.scene import ASKING, GETS, POSTS, Scene, demand
from tests.histories.stage import COMMANDS, activation_in
from web.cli.terminal import CommandRefused
from web.limits import RESET_TTL

SENSITIVE = sorted(path for path in ACTS if demand(POSTS[path]).door in ASKING)
LOOKING_AFTER = sorted(path for path in ACTS if path.startswith("/people") or path == "/security/totp/remove")
# Any of them may come to administer the panel; most often it is the one who does from the start.
administrators = st.sampled_from(
    [hand for hand in HANDS for _ in range(30 if hand.account == ADMIN else 1) if hand.has_app]
)
hands, passwords = st.sampled_from(HANDS), st.sampled_from([RIGHT, WRONG])
CODES = [NOW, WRONG, USED, NEXT]
codes = st.sampled_from(CODES)
seconds = st.sampled_from([NOW, NEXT, NEXT, RECOVERY, RECOVERY, WRONG, USED, SPENT, NONE])
proofs = st.builds(Proof, st.sampled_from([RIGHT, RIGHT, WRONG]), seconds)
picks, coins, rarely = st.integers(0, 9), st.booleans(), st.sampled_from([False] * 7 + [True])
paths = st.sampled_from(sorted(ACTS))
asked = [path for path in sorted(GETS) for _ in range(8 if demand(GETS[path]).door in ASKING else 1)]
spans = st.sampled_from([30, 30, 60, 60, 2 * 60, 5 * 60, 5 * 60, 16 * 60, 61 * 60, 13 * 3600])
commands = st.sampled_from(sorted(COMMANDS))


class Histories(Scene):
    """Rules are named after what somebody does, or what happens."""

    def is_somebody_half_way(self) -> bool:
        return any(self._pending_login(hand) for hand in HANDS)

    # Outside

    @rule(hand=hands, password=passwords)
    def types_a_password(self, hand: Hand, password: str) -> None:
        self._types_a_password(hand, password)

    @precondition(is_somebody_half_way)
    @rule(hand=hands, code=codes, whoever=rarely)
    def types_a_code(self, hand: Hand, code: str, whoever: bool) -> None:
        self._types_a_code(hand if whoever else self._next(hand, self._pending_login), code)

    @rule(hand=hands, password=passwords, code=st.sampled_from([*CODES, RECOVERY, SPENT]))
    def signs_in(self, hand: Hand, password: str, code: str) -> None:
        self._types_a_password(hand, password)
        if code in (RECOVERY, SPENT):
            self._types_a_recovery_code(hand, RIGHT if code == RECOVERY else USED)
        else:
            self._types_a_code(hand, code)

    @precondition(is_somebody_half_way)
    @rule(hand=hands, code=st.sampled_from([RIGHT, WRONG, USED]), whoever=rarely)
    def types_a_recovery_code(self, hand: Hand, code: str, whoever: bool) -> None:
        self._types_a_recovery_code(hand if whoever else self._next(hand, self._pending_login), code)

    @rule(hand=hands, is_half_way=coins)
    def makes_up_a_passkey(self, hand: Hand, is_half_way: bool) -> None:
        path = "/login/code/passkey" if is_half_way else "/login/passkey"
        said = '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {}}'
        self._post(hand, path, Form({"answer": said}, said="answers as no authenticator does"))

    @rule(hand=hands, is_tab_of_before=coins)
    def signs_out(self, hand: Hand, is_tab_of_before: bool) -> None:
        hand = self._next(hand, self._has_tab_of_before) if is_tab_of_before else hand
        words = " in the tab of a moment before" if is_tab_of_before else ""
        self._post(hand, "/logout", Form(said=f"signs out{words}"), cookies=self._cookies(hand, is_tab_of_before))

    @rule(hand=hands, is_setup=rarely, pick=picks)
    def types_a_code_of_the_terminal(self, hand: Hand, is_setup: bool, pick: int) -> None:
        code, account, ends_at = self.model.activation(pick)
        is_good = self.now.now < ends_at and code in self.model.activations
        is_right = is_good and not self.now.is_disabled(account)
        fresh = another_password(self.model.secrets[account])
        fields = {"password": fresh, "repeated": fresh}
        if is_setup:
            self._post(hand, "/setup", Form(fields | {"setup_code": code, "name": "nina"}, said="sets up once more"))
            return
        claims = [Claim("activation", account, "activation", is_right)]
        said = f"types {'the' if is_right else 'no good'} activation code of {self.model.secrets[account].name}"
        form = Form(fields | {"activation_code": code}, claims=claims, may_change_password_to=fresh, said=said)
        self._post(hand, "/activate", form, named=account)

    def _types_a_password(self, hand: Hand, password: str) -> None:
        turn, account = self._turn(hand), self.model.account(hand.account)
        typed = turn.typed_password(password)
        claims = [turn.password_claim("login", account, typed)]
        said = f"types the name of {hand.account} and {password} password"
        form = Form({"name": hand.account, "password": typed}, claims=claims, said=said)
        self._post(hand, "/login", form, named=account)

    def _types_a_code(self, hand: Hand, code: str) -> None:
        turn, pending_login = self._turn(hand), self._pending_login(hand)
        typed, claims = turn.typed_code(code, turn.known.key), list[Claim]()
        if pending_login:
            account = pending_login["account_id"]
            claims = [turn.code_claim("login", account, typed, self.model.secrets[account].key)]
        self._post(hand, "/login/code", Form({"code": typed}, claims=claims, said=f"types {code} code"))

    def _types_a_recovery_code(self, hand: Hand, code: str) -> None:
        turn, pending_login = self._turn(hand), self._pending_login(hand)
        typed = turn.typed_recovery(code)
        claims = [turn.recovery_claim("login", pending_login["account_id"], typed)] if pending_login else []
        self._post(hand, "/login/recovery", Form({"code": typed}, claims=claims, said=f"types {code} recovery code"))

    # Inside

    @rule(hand=hands, path=paths, proof=st.none() | proofs, pick=picks, code=codes, password=passwords, tab=rarely)
    def acts(self, hand: Hand, path: str, proof: Proof | None, pick: int, code: str, password: str, tab: bool) -> None:
        self._act(self._inside(hand), path, proof, pick=pick, code=code, password=password, is_tab_of_before=tab)

    @rule(hand=hands, path=paths, pick=picks)
    def acts_wherever(self, hand: Hand, path: str, pick: int) -> None:
        """Signed in or not, perhaps with what was ended."""
        self._act(hand, path, None, pick=pick)

    @rule(hand=hands, path=st.sampled_from(SENSITIVE), proof=proofs, pick=picks)
    def confirms_who_it_is(self, hand: Hand, path: str, proof: Proof, pick: int) -> None:
        self._act(self._inside(hand), path, proof, pick=pick)

    @rule(hand=administrators, path=st.sampled_from(LOOKING_AFTER), pick=picks)
    def looks_after_somebody(self, hand: Hand, path: str, pick: int) -> None:
        """Whoever administers the panel, half a minute later, with a right proof."""
        self._wait(30)
        self._act(self._inside(hand), path, Proof(RIGHT, NOW), pick=pick)

    @rule(hand=hands, proof=proofs, code=codes, back=st.sampled_from([NONE, NONE, *CODES]))
    def moves_to_another_app(self, hand: Hand, proof: Proof, code: str, back: str) -> None:
        hand = self._inside(hand)
        self._act(hand, "/security/totp", proof)
        self._act(hand, "/security/totp/confirm", None, code=code)
        if back != NONE:
            self._act(hand, "/security/totp/undo", None, code=back)

    @rule(hand=hands, is_at_the_login=coins)
    def guesses_five_codes(self, hand: Hand, is_at_the_login: bool) -> None:
        """Which is as many as are judged before the first wait."""
        hand = self._next(hand, self._pending_login if is_at_the_login else self._session)
        for _ in range(5):
            if is_at_the_login:
                self._types_a_code(hand, WRONG)
            else:
                self._act(hand, "/security/totp/remove", Proof(RIGHT, WRONG))

    @rule(hand=hands, path=st.sampled_from(asked), method=st.sampled_from(["GET", "HEAD"]), proof=proofs, pick=picks)
    def looks(self, hand: Hand, path: str, method: str, proof: Proof, pick: int) -> None:
        """With a form in it, which no browser sends."""
        hand = self._inside(hand)
        turn = self._turn(hand, pick=pick)
        form, row = prove(turn, proof), turn.some("accounts" if path.startswith("/people") else "instances")
        form.id, form.claims = str(row["id"]) if row else "0", []
        form.said = f"asks for {path} by {method}, {form.said}"
        self._send(hand, method, GETS[path], form, self._cookies(hand))

    # Elsewhere

    @rule(
        browser=st.sampled_from(sorted(set(BROWSERS) - {THIEFS})),
        kinds=st.sampled_from([("sid",), ("pre",), ("disp",), ("sid", "disp")]),
    )
    def steals(self, browser: str, kinds: Sequence[str]) -> None:
        stolen = {kind: value for kind, value in self.stage.jars[browser].items() if kind in kinds}
        self.story.append(f"the thief copies the cookies {', '.join(kinds)} of {browser}")
        self.stage.jars[THIEFS] |= stolen

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        self._wait(span)

    def _wait(self, span: int) -> None:
        self.story.append(f"{span} s pass")
        self.now = self.now.at_another_time(self.stage.clock.forward(seconds=span))

    @rule(command=commands, name=st.sampled_from(NAMES), everybody=rarely)
    def works_at_the_terminal(self, command: str, name: str, everybody: bool) -> None:
        is_for_all = command in ("prune", "rotate-key") or (command == "end-sessions" and everybody)
        named = None if is_for_all else self.model.account(name)
        deed = Deed(f"the terminal: {command} {'' if is_for_all else name}", self.now, command=command, named=named)
        try:
            said = self.stage.at_the_terminal(COMMANDS[command], "" if is_for_all else name)
        except CommandRefused as refused:
            said = str(refused)
        else:
            if command == "reset-password" and named:
                self.model.invite(activation_in(said), named, self.now.now + int(RESET_TTL.total_seconds()))
        self._look(deed)


# Posts that are not of somebody signed in, and the rule that makes each.
ENTRANCES = {
    "/login": Histories.types_a_password,
    "/login/passkey": Histories.makes_up_a_passkey,
    "/login/code/passkey": Histories.makes_up_a_passkey,
    "/login/code": Histories.types_a_code,
    "/login/recovery": Histories.types_a_recovery_code,
    "/logout": Histories.signs_out,
    "/activate": Histories.types_a_code_of_the_terminal,
    "/setup": Histories.types_a_code_of_the_terminal,
}
