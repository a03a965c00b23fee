"""The rules of passkeys, against an authenticator that does what it is told."""

import hashlib
import json
import logging
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from fido2 import cbor
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.authenticator import AT, BE, BS, UP, UV, Authenticator, Options, coded, decoded, judged_again
from tests.support.steady import HANG
from web.factors import passkey
from web.factors.passkey import Assertion, Created, Flaw, Known, Unproved, Used
from web.http.page import ROOT
from web.limits import PASSKEY_ANSWER_MAX, PASSKEY_CHALLENGE_TTL

NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
RP, ORIGIN, USER = "painel.test", "https://painel.test", b"u" * 64
tag = lambda text: hashlib.sha256(b"key" + text.encode()).digest()  # noqa: E731
new_challenge = partial(passkey.new_challenge, tag)


def creation() -> Options:
    return {"rp": {"id": RP}, "user": {"id": coded(USER)}, "challenge": coded(secrets.token_bytes(32))}


def request() -> Options:
    return {"rpId": RP, "challenge": coded(secrets.token_bytes(32)), "allowCredentials": []}


def created(answer: str) -> Created:
    return passkey.check_registration(passkey.read_registration(answer), rp_id=RP, origin=ORIGIN)


def used(answer: str, known: Known, *, must_name_user: bool = True) -> Used:
    read = passkey.read_assertion(answer)
    return passkey.check_assertion(read, known, rp_id=RP, origin=ORIGIN, must_name_user=must_name_user)


def registered(by: Authenticator) -> Known:
    options = creation()
    answer = by.create(options)
    made = created(answer)
    judged_again(answer, options, by.credentials[-1])
    return Known(made.public_key, USER, made.counter, made.is_backup_eligible)


def flaw_of(act: Callable[[], object]) -> Flaw:
    with pytest.raises(Unproved) as refused:
        act()
    return refused.value.flaw


@pytest.mark.parametrize("algorithm", passkey.ALGORITHMS)
def test_an_honest_authenticator_is_believed(algorithm: int) -> None:
    phone = Authenticator(algorithm=algorithm, aaguid=b"a" * 16)
    options = creation()
    answer = phone.create(options)
    made, [credential] = created(answer), phone.credentials
    judged_again(answer, options, credential)
    assert (made.credential_id, made.public_key, made.aaguid) == (credential.id, credential.cose, b"a" * 16)
    assert (made.is_backup_eligible, made.is_backed_up, made.transports) == (True, True, "hybrid internal")
    options = request()
    answer = phone.get(options)
    assert used(answer, Known(made.public_key, USER, 0, True)) == Used(0, True)
    judged_again(answer, options, credential)
    assert passkey.read_assertion(answer).challenge == decoded(options["challenge"])


def test_what_the_answer_says_beyond_what_is_judged_is_not_believed() -> None:
    told = json.loads(Authenticator(transports=("usb", "<script>", "carrier pigeon")).create(creation()))
    told["response"] |= {"publicKey": "AAAA", "publicKeyAlgorithm": -65535, "authenticatorData": "AAAA"}
    assert created(json.dumps(told)).transports == "usb"


def test_another_kind_of_credential_is_no_passkey() -> None:
    told = json.loads(Authenticator().create(creation())) | {"type": "password"}
    assert flaw_of(lambda: passkey.read_registration(json.dumps(told))) is Flaw.MALFORMED


NOT_OURS = [
    ({"origin": "https://painel.test:444"}, Flaw.ORIGIN),
    ({"origin": "http://painel.test"}, Flaw.ORIGIN),
    ({"origin": "https://loja.painel.test"}, Flaw.ORIGIN),
    ({"origin": "https://painel.test."}, Flaw.ORIGIN),
    ({"origin": "https://PAINEL.test"}, Flaw.ORIGIN),
    ({"origin": "https://painel.test/"}, Flaw.ORIGIN),
    ({"origin": None}, Flaw.ORIGIN),
    ({"origin": ["https://painel.test"]}, Flaw.ORIGIN),
    ({"rp_id": "test"}, Flaw.PLACE),
    ({"rp_id": "loja.painel.test"}, Flaw.PLACE),
    ({"rp_id": "PAINEL.test"}, Flaw.PLACE),
    ({"cross_origin": True}, Flaw.FRAMED),
    ({"cross_origin": "false"}, Flaw.FRAMED),
    ({"cross_origin": 0}, Flaw.FRAMED),
    ({"client": {"topOrigin": "https://painel.test"}}, Flaw.FRAMED),
    ({"client": {"challenge": None}}, Flaw.MALFORMED),
    ({"type": "payment.get"}, Flaw.TYPE),
    ({"type": None}, Flaw.TYPE),
]


@pytest.mark.parametrize(("fault", "flaw"), [*NOT_OURS, ({"type": "webauthn.get"}, Flaw.TYPE)])
def test_what_was_not_made_for_this_page_makes_no_passkey(fault: dict[str, Any], flaw: Flaw) -> None:
    assert flaw_of(lambda: created(Authenticator().create(creation(), **fault))) is flaw


@pytest.mark.parametrize(("fault", "flaw"), [*NOT_OURS, ({"type": "webauthn.create"}, Flaw.TYPE)])
def test_what_was_not_made_for_this_page_proves_nothing(fault: dict[str, Any], flaw: Flaw) -> None:
    phone = Authenticator()
    known = registered(phone)
    assert flaw_of(lambda: used(phone.get(request(), **fault), known)) is flaw


FLAGS = [(UV | BE, Flaw.ABSENT), (UP | BE, Flaw.UNVERIFIED), (BE, Flaw.ABSENT), (UP | UV | BS, Flaw.BACKUP)]


@pytest.mark.parametrize(("flags", "flaw"), FLAGS)
def test_a_person_who_was_not_verified_proves_nothing(flags: int, flaw: Flaw) -> None:
    phone = Authenticator()
    known = registered(phone)
    assert flaw_of(lambda: used(phone.get(request(), flags=flags), known)) is flaw
    assert flaw_of(lambda: created(phone.create(creation(), flags=flags | AT))) is flaw


@pytest.mark.parametrize(
    ("made", "now"), [(UP | UV, UP | UV | BE), (UP | UV | BE, UP | UV), (UP | UV | BE | BS, UP | UV)]
)
def test_a_passkey_never_changes_its_kind(made: int, now: int) -> None:
    phone = Authenticator(flags=made)
    known = registered(phone)
    assert flaw_of(lambda: used(phone.get(request(), flags=now), known)) is Flaw.BACKUP


def test_a_passkey_may_come_into_several_devices_and_leave_them_again() -> None:
    phone = Authenticator(flags=UP | UV | BE)
    known = registered(phone)
    assert used(phone.get(request(), flags=UP | UV | BE | BS), known).is_backed_up
    assert not used(phone.get(request()), known).is_backed_up


@pytest.mark.parametrize("algorithm", [-35, -47, -37])
def test_an_algorithm_that_was_not_asked_for_makes_no_passkey(algorithm: int) -> None:
    assert flaw_of(lambda: created(Authenticator(algorithm=algorithm).create(creation()))) is Flaw.ALGORITHM


NOT_KEYS: list[dict[int, Any]] = [
    {1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32},  # not on the curve
    {1: 2, 3: -7, -1: 1, -2: b"", -3: b""},
    {1: 2, 3: -7, -1: 1, -2: 5, -3: 6},
    {1: 2, 3: -7, -1: 2, -2: b"x" * 32, -3: b"y" * 32},
    {1: 2, 3: -7},
    {1: 3, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32},
    {1: 1, 3: -8, -1: 6, -2: b"x" * 31},
    {1: 1, 3: -8, -1: 7, -2: b"x" * 57},
    {1: 3, 3: -257, -1: b"\xff" * 128, -2: b"\x01\x00\x01"},  # 1024 bits
    {1: 3, 3: -257, -1: b"\xff" * 600, -2: b"\x01\x00\x01"},
    {1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\x01"},
    {1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\xff" * 256},
    {3: 0},
    {},
]


@pytest.mark.parametrize(
    ("algorithm", "change"),
    [(-7, {1: 3}), (-7, {1: 1}), (-8, {1: 2}), (-257, {1: 2}), (-257, {-2: b"\x03"}), (-7, {-1: 2}), (-8, {-1: 7})],
)
def test_a_key_with_another_label_makes_no_passkey(algorithm: int, change: dict[int, Any]) -> None:
    phone = Authenticator(algorithm=algorithm)
    phone.create(creation())
    key = cbor.encode({**cbor.decode_from(phone.credentials[0].cose)[0], **change})
    assert flaw_of(lambda: created(phone.create(creation(), cose=key))) is Flaw.ALGORITHM


@pytest.mark.parametrize("key", NOT_KEYS, ids=str)
def test_what_is_no_key_of_its_algorithm_makes_no_passkey(key: dict[int, Any]) -> None:
    answer = Authenticator().create(creation(), cose=cbor.encode(key))
    assert flaw_of(lambda: created(answer)) in (Flaw.ALGORITHM, Flaw.MALFORMED)


def test_a_signature_of_another_key_or_another_challenge_proves_nothing() -> None:
    phone, thief = Authenticator(), Authenticator()
    known, _ = registered(phone), registered(thief)
    assert flaw_of(lambda: used(thief.get(request()), known)) is Flaw.SIGNATURE
    for signature in (b"", b"x" * 70, secrets.token_bytes(64)):
        assert flaw_of(lambda signed=signature: used(phone.get(request(), signature=signed), known)) is Flaw.SIGNATURE  # type: ignore[misc]
    told = json.loads(phone.get(request()))
    client = json.loads(decoded(told["response"]["clientDataJSON"]))
    told["response"]["clientDataJSON"] = coded(json.dumps(client | {"challenge": coded(b"y" * 72)}).encode())
    assert flaw_of(lambda: used(json.dumps(told), known)) is Flaw.SIGNATURE


def test_the_authenticator_says_whose_passkey_it_is() -> None:
    phone = Authenticator()
    known = registered(phone)
    assert flaw_of(lambda: used(phone.get(request(), user=b"v" * 64), known)) is Flaw.USER
    assert flaw_of(lambda: used(phone.get(request(), user=b"v" * 64), known, must_name_user=False)) is Flaw.USER
    assert flaw_of(lambda: used(phone.get(request(), user=b""), known)) is Flaw.USER
    assert used(phone.get(request(), user=b""), known, must_name_user=False)


@pytest.mark.parametrize(
    ("stored", "told", "passes"), [(0, 0, True), (0, 7, True), (7, 8, True), (7, 7, False), (7, 0, False)]
)
def test_a_counter_that_does_not_grow_tells_of_a_copy(stored: int, told: int, passes: bool) -> None:
    key = Authenticator(flags=UP | UV)
    known = Known(registered(key).public_key, USER, stored, False)
    answer = key.get(request(), counter=told)
    if passes:
        assert used(answer, known).counter == told
    else:
        assert flaw_of(lambda: used(answer, known)) is Flaw.COUNTER


def test_the_counter_of_a_passkey_in_several_devices_is_not_looked_at() -> None:
    phone = Authenticator()
    known = Known(registered(phone).public_key, USER, 7, True)
    assert used(phone.get(request(), counter=3), known).counter == 3


def test_a_challenge_is_of_one_purpose_and_of_five_minutes() -> None:
    challenge = new_challenge("login painel.test", b"r" * 24, NOON)
    later = NOON + PASSKEY_CHALLENGE_TTL
    assert passkey.challenge_ends(challenge) == later
    check = partial(passkey.check_challenge, tag)
    check("login painel.test", challenge, NOON)
    check("login painel.test", challenge, later - timedelta(seconds=1))
    assert flaw_of(lambda: check("login painel.test", challenge, later)) is Flaw.EXPIRED
    assert flaw_of(lambda: check("login painel.test", challenge, NOON - timedelta(seconds=1))) is Flaw.EXPIRED
    assert flaw_of(lambda: check("login painel.test.", challenge, NOON)) is Flaw.CHALLENGE
    for bit in range(0, len(challenge) * 8, 7):
        altered = (int.from_bytes(challenge) ^ 1 << bit).to_bytes(len(challenge))
        assert flaw_of(lambda one=altered: check("login painel.test", one, NOON)) is Flaw.CHALLENGE  # type: ignore[misc]
    for cut in (b"", challenge[1:], challenge[:-1], challenge + b"x", b"x" * 31):
        assert flaw_of(lambda one=cut: check("login painel.test", one, NOON)) is Flaw.CHALLENGE  # type: ignore[misc]


@pytest.mark.parametrize("id_length", [0, 15, 1024])
def test_a_credential_has_an_id_of_a_sensible_length(id_length: int) -> None:
    phone = Authenticator()
    answer = phone.create(creation(), credential_id=b"i" * id_length)
    assert flaw_of(lambda: created(answer)) is Flaw.MALFORMED


def test_the_id_is_the_one_that_the_authenticator_made() -> None:
    assert flaw_of(lambda: created(Authenticator().create(creation(), id=b"j" * 32))) is Flaw.MALFORMED


NESTED = "[" * 1500 + "]" * 1500
BOMBS = [
    b"\x81" * 2000,  # an array in an array in an array …
    b"\xa1\x01" * 900,
    b"\x9b" + b"\xff" * 8,  # an array that says it has 2^64 members
    b"\xbb" + b"\xff" * 8 + b"\x01" * 500,
    b"\x5b" + b"\x7f" * 8,
    b"\xa3\x63fmt\x64none\x68authData\x9f",
    b"\xa1\x81\x01\x01",  # a list as the key of a map
    b"",
    b"\xff",
]


@pytest.mark.parametrize("attestation", BOMBS, ids=range(len(BOMBS)))
def test_cbor_that_would_burst_is_refused(attestation: bytes) -> None:
    assert flaw_of(lambda: created(Authenticator().create(creation(), attestation=attestation))) is Flaw.MALFORMED
    assert flaw_of(lambda: created(Authenticator().create(creation(), cose=attestation[:1200]))) is Flaw.MALFORMED


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        NESTED,
        '{"id": ' + NESTED[:3000] + "}",
        "9" * 4000,
        "x" * 10_000_000,
        '{"id": "' + "A" * 10_000_000 + '"}',
        '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": []}',
        '{"id": "AAAA", "rawId": "AAAB", "type": "public-key", "response": {"clientDataJSON": "e30"}}',
        '{"id": "AAAA", "rawId": "\\ud800", "type": "public-key", "response": {"clientDataJSON": "e30"}}',
    ],
    ids=lambda answer: answer[:12],
)
def test_what_is_no_answer_of_an_authenticator_is_refused(answer: str) -> None:
    assert flaw_of(lambda: passkey.read_registration(answer)) is Flaw.MALFORMED
    assert flaw_of(lambda: passkey.read_assertion(answer)) is Flaw.MALFORMED


def test_only_answers_of_a_sensible_length_are_read() -> None:
    answer = Authenticator().create(creation())
    longest = answer[:-1] + " " * (PASSKEY_ANSWER_MAX - len(answer)) + "}"
    assert created(longest)
    assert flaw_of(lambda: created(longest + " ")) is Flaw.MALFORMED


HONEST = Authenticator()
KNOWN = registered(HONEST)
ANSWERS = [HONEST.create(creation()), HONEST.get(request())]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=60).map(coded),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PLACES = ["id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "authenticatorData", "signature"]
PLACES += ["userHandle", "transports", "clientExtensionResults"]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(place=st.sampled_from(PLACES), value=VALUES, which=st.sampled_from([0, 1]))
def test_an_answer_with_anything_else_in_a_place_is_refused_or_the_same(place: str, value: Any, which: int) -> None:
    told = json.loads(ANSWERS[which])
    (told if place in told else told["response"])[place] = value
    judge(json.dumps(told), which)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(data=st.data(), which=st.sampled_from([0, 1]))
def test_an_answer_with_some_bytes_changed_is_refused(data: st.DataObject, which: int) -> None:
    """Every byte of an assertion is signed, or compared; of a registration what is stored may differ."""
    told = json.loads(ANSWERS[which])
    place = data.draw(st.sampled_from(["clientDataJSON", "attestationObject" if which == 0 else "authenticatorData"]))
    before = decoded(told["response"][place])
    at = data.draw(st.integers(0, len(before) - 1))
    cut = data.draw(st.integers(at, min(len(before), at + 8)))
    after = before[:at] + data.draw(st.binary(max_size=8)) + before[cut:]
    told["response"][place] = coded(after)
    assert after == before or not judge(json.dumps(told), which) or which == 0


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(answer=st.text(max_size=300) | VALUES.map(json.dumps), which=st.sampled_from([0, 1]))
def test_anything_at_all_is_refused(answer: str, which: int) -> None:
    assert not judge(answer, which)


def judge(answer: str, which: int) -> Created | Used | None:
    try:
        return created(answer) if which == 0 else used(answer, KNOWN)
    except Unproved:
        return None


def test_reading_says_nothing_of_what_was_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    phone = Authenticator()
    known = registered(phone)
    used(phone.get(request()), known)
    assert phone.credentials[0].id.hex() not in caplog.text
    assert isinstance(passkey.read_assertion(phone.get(request())), Assertion)


def test_starting_the_panel_loads_no_library_of_passkeys() -> None:
    asked = "import sys, web.cli.commands, web.app; print('fido2' in sys.modules, 'web.routes' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=HANG, cwd=ROOT)
    assert answer.stdout.split() == ["False", "True"], answer.stderr
