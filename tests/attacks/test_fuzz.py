"""What nobody thinks of sending: in every field, cookie, header and address, and never a fault (500)."""

from itertools import count
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.attacks.test_typed import FIELDS
from tests.conftest import beside
from tests.people import ORIGIN, Person
from tests.test_doors import EVERY_DOOR

# One panel serves all examples: whatever state they leave is more of the same.
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
raw = st.binary(max_size=80)
near = st.sampled_from(
    [b"", b"0", b"123456", b"A" * 43, b"\xff\xfe", b"%00", b"../..", b"\r\n", "ção".encode(), b"9" * 30]
)
values = st.one_of(raw, near)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
numbers = count()


@pytest.fixture
def browser(alice: Person, client: TestClient) -> TestClient:
    return client


def elsewhere(client: TestClient) -> TestClient:
    """A browser in a network of its own, so that no limit answers in place of what is tried."""
    number = next(numbers)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return beside(client, client=(address, 1))


@many
@given(
    door=st.sampled_from([path for method, path in EVERY_DOOR if method == "POST"]),
    fields=st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=8)), values, max_size=5),
    is_in_place=st.booleans(),
    is_signed_in=st.booleans(),
)
def test_no_form_is_a_fault(
    door: str, fields: dict[str, bytes], is_in_place: bool, is_signed_in: bool, browser: TestClient
) -> None:
    body = "&".join(
        f"{quote_from_bytes(k.encode('utf-8', 'replace'))}={quote_from_bytes(v)}" for k, v in fields.items()
    )
    headers = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    headers |= {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#x"} if is_in_place else {}
    headers |= {"Cookie": f"__Host-sid={browser.cookies.get('__Host-sid')}"} if is_signed_in else {}
    assert elsewhere(browser).post(door, content=body, headers=headers).status_code < 500


@many
@given(
    path=st.sampled_from(["/instances", "/login/code", "/security/totp", "/activity"]),
    name=st.sampled_from(["__Host-sid", "__Host-pre", "__Host-disp", "__Host-typed"]),
    value=header_text,
    is_post=st.booleans(),
)
def test_no_cookie_is_a_fault(path: str, name: str, value: str, is_post: bool, browser: TestClient) -> None:
    headers = [(b"Cookie", f"{name}={value}".encode("latin-1")), (b"Origin", ORIGIN.encode())]
    answer = elsewhere(browser).request("POST" if is_post else "GET", path, headers=headers)
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
def test_no_header_is_a_fault(name: str, value: str, path: str, browser: TestClient) -> None:
    headers = [(name.encode(), value.encode("latin-1"))]
    for method in ("GET", "POST"):
        assert elsewhere(browser).request(method, path, headers=headers).status_code < 500


@many
@given(path=st.text(max_size=40), query=st.text(max_size=40))
def test_no_address_is_a_fault(path: str, query: str, browser: TestClient) -> None:
    address = "/" + quote_from_bytes(path.encode("utf-8", "replace"), safe="/")
    for start in ("", "/instances", "/activity", "/security/sessions"):
        answer = elsewhere(browser).get(f"{start}{address}?antes={quote_from_bytes(query.encode('utf-8', 'replace'))}")
        assert answer.status_code < 500
