"""Random text in every field, cookie, header and address: it never causes a fault (500)."""

import re
import socket
from collections.abc import Callable
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.support.clock import Clock
from tests.support.forms import FORMS
from tests.support.people import ORIGIN, Person, give_password, protect

NewClient = Callable[[], TestClient]

# One panel serves all examples: the state that an example leaves is part of the next one's input.
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
raw = st.binary(max_size=80)
near = st.sampled_from(
    [b"", b"0", b"123456", b"A" * 43, b"\xff\xfe", b"%00", b"../..", b"\r\n", "ção".encode(), b"9" * 30]
)
values = st.one_of(raw, near)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
forms = st.sampled_from(sorted(FORMS)).flatmap(
    lambda path: st.tuples(
        st.just(path),
        st.one_of(
            st.fixed_dictionaries(dict.fromkeys(FORMS[path], values)),
            st.dictionaries(st.text(max_size=8), values, max_size=5),
        ),
    )
)


@pytest.fixture
def bruno(alice: Person, invite: Callable[[str], Person], new_client: NewClient, clock: Clock) -> Person:
    """Has a second factor."""
    person, browser = invite("bruno"), new_client()
    give_password(browser, person)
    protect(browser, person, clock())
    return person


@many
@given(form=forms, is_in_place=st.booleans(), who=st.sampled_from(["a stranger", "signed in", "half way"]))
def test_no_form_causes_a_fault(
    form: tuple[str, dict[str, bytes]],
    is_in_place: bool,
    who: str,
    alice: Person,
    bruno: Person,
    elsewhere: NewClient,
) -> None:
    browser = elsewhere()
    if who != "a stranger":
        known = alice if who == "signed in" else bruno
        assert give_password(browser, known).headers["location"] == ("/instances" if known is alice else "/login/code")
    path, fields = form
    address = path.replace("{id}", "0" * 32).replace("{id:int}", "0")
    body = "&".join(
        f"{quote_from_bytes(k.encode('utf-8', 'replace'))}={quote_from_bytes(v)}" for k, v in fields.items()
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    headers |= {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#x"} if is_in_place else {}
    assert browser.post(address, content=body, headers=headers).status_code < 500


@many
@given(
    path=st.sampled_from(["/instances", "/login/code", "/security/totp", "/activity"]),
    name=st.sampled_from(["__Host-sid", "__Host-pre", "__Host-disp", "__Host-typed"]),
    value=header_text,
    is_post=st.booleans(),
)
def test_no_cookie_causes_a_fault(
    path: str, name: str, value: str, is_post: bool, alice: Person, client: TestClient, elsewhere: NewClient
) -> None:
    cookie = f"{name}-{client.app_state['panel'].short_id}={value}"
    headers = [(b"Cookie", cookie.encode("latin-1")), (b"Origin", ORIGIN.encode())]
    answer = elsewhere().request("POST" if is_post else "GET", path, headers=headers)
    assert answer.status_code < 500


@many
@given(
    name=st.sampled_from(
        "Host Origin Referer Sec-Fetch-Site User-Agent HX-Target HX-Request-Type Content-Type X-Forwarded-For "
        "X-Forwarded-Proto Forwarded Range Accept Content-Length Cookie".split()
    ),
    value=header_text,
    path=st.sampled_from(["/login", "/security", "/security/totp", "/nope"]),
)
def test_no_header_causes_a_fault(name: str, value: str, path: str, alice: Person, elsewhere: NewClient) -> None:
    headers = [(name.encode(), value.encode("latin-1"))]
    for method in ("GET", "POST"):
        assert elsewhere().request(method, path, headers=headers).status_code < 500


@many
@given(path=st.text(max_size=40), query=st.text(max_size=40))
def test_no_address_causes_a_fault(path: str, query: str, alice: Person, elsewhere: NewClient) -> None:
    address = "/" + quote_from_bytes(path.encode("utf-8", "replace"), safe="/")
    for start in ("", "/instances", "/activity", "/security/sessions"):
        answer = elsewhere().get(f"{start}{address}?antes={quote_from_bytes(query.encode('utf-8', 'replace'))}")
        assert answer.status_code < 500


@many
@given(
    target=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40), is_path=st.booleans()
)
def test_no_request_target_causes_a_fault(target: str, is_path: bool, live_server: str) -> None:
    """A27, A64: on the wire, where it need not be a path."""
    host, _, port = live_server.removeprefix("http://").partition(":")
    for named in (f"{host}:{port}", "painel.test:8000"):
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(f"GET {'/' * is_path}{target} HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n".encode())
            with line.makefile("rb") as reply:
                answer = reply.read().decode("latin-1")
        assert not answer.startswith("HTTP/1.1 5"), answer
        if found := re.search(r"^location: (\S+)", answer, re.MULTILINE | re.IGNORECASE):
            assert re.match(r"/[^/]|https://painel\.test/", found[1]), answer
