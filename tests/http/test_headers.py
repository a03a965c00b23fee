from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.people import FRAGMENT, Person, give_password
from web.app import create_app
from web.http.page import STATIC, static
from web.settings import Settings

Rows = Callable[..., list[tuple[Any, ...]]]
ANSWERS = [
    ("GET", "/login", 200),
    ("GET", "/security", 303),
    ("GET", "/nope", 404),
    ("PUT", "/login", 405),
    ("GET", "/health", 200),
    ("GET", static("nope.css"), 404),
    ("POST", "/login", 422),
]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx"
)


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_carries_the_security_headers(method: str, path: str, status: int, client: TestClient) -> None:
    """A33."""
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["permissions-policy"] == (
        "camera=(), microphone=(), geolocation=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    )
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_file_may_load_nothing_at_all(client: TestClient) -> None:
    for name in ("app.css", "app.js", "inside.js", "icons.svg"):
        answer = client.get(static(name))
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_fault_carries_them_too(alice: Person, new_client: Callable[..., TestClient], rows: Rows) -> None:
    rows("CREATE TRIGGER fault BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'x'); END")
    answer = give_password(new_client(raise_server_exceptions=False), alice)
    assert (answer.status_code, answer.headers["content-security-policy"]) == (500, POLICY)
    assert "Traceback" not in answer.text


def test_subdomains_can_be_left_out_of_hsts(settings: Settings) -> None:
    app = create_app(Settings.from_environment({"PANEL_HSTS_SUBDOMAINS": "0", "PANEL_DATA": str(settings.data)}))
    with TestClient(app, base_url="https://localhost") as client:
        assert client.get("/health").headers["strict-transport-security"] == "max-age=31536000"


def test_a_body_refused_by_its_length_carries_them_too(client: TestClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/login", content=b"x" * 20_000, headers=headers)
    assert answer.status_code == 413
    assert "Grande demais" in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e9", "٣"])
def test_a_malformed_content_length_causes_no_fault(length: str, client: TestClient) -> None:
    headers = {b"Content-Type": b"application/x-www-form-urlencoded", b"Content-Length": length.encode()}
    assert client.post("/login", content=b"name=x", headers=headers).status_code in (413, 422)


def test_pages_are_never_stored_and_static_files_for_good(alice: Person, client: TestClient) -> None:
    for path in ("/security", "/instances", "/activity", "/login", "/nope", "/health"):
        assert client.get(path).headers["cache-control"] == "no-store"
    assert "immutable" in client.get(static("app.css")).headers["cache-control"]
    assert client.get(static("nope.css")).headers["cache-control"] == "no-store"


def test_whole_page_and_fragment_are_told_apart(alice: Person, client: TestClient) -> None:
    whole, fragment = client.get("/security"), client.get("/security", headers=FRAGMENT)
    assert "HX-Request-Type" in whole.headers["vary"]
    assert "<html" in whole.text
    assert "<html" not in fragment.text
    assert "<html" in client.get("/security", headers={"HX-Request": "true", "HX-Request-Type": "full"}).text
    assert "<html" not in client.get("/security", headers={"HX-Request": "true"}).text


def test_a_stranger_who_claims_to_be_a_script_is_told_to_sign_in(client: TestClient) -> None:
    """A4."""
    answer = client.get("/security", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"], answer.text) == (401, "/login", "")


def test_a_page_names_its_type_and_charset(client: TestClient) -> None:
    assert client.get("/login").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("wanted", ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.5, *;q=0"])
def test_static_files_come_compressed(wanted: str, client: TestClient) -> None:
    for name in ("app.css", "vendor/htmx-4.0.1.min.js", "icon.svg"):
        answer = client.get(static(name), headers={"Accept-Encoding": wanted})
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == (STATIC / name).read_bytes()
        assert int(answer.headers["content-length"]) < 0.75 * (STATIC / name).stat().st_size


@pytest.mark.parametrize("wanted", ["", "identity", "br", "gzip;q=0", "deflate, gzip; q=0.0"])
def test_a_browser_without_gzip_gets_uncompressed_files(wanted: str, client: TestClient) -> None:
    answer = client.get(static("app.css"), headers={"Accept-Encoding": wanted})
    assert "content-encoding" not in answer.headers
    assert answer.content == (STATIC / "app.css").read_bytes()


def test_pages_are_not_compressed(alice: Person, client: TestClient) -> None:
    """The size of a compressed page would reveal what it holds (BREACH)."""
    for path in ("/security", "/instances", "/activity"):
        assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip, br"}).headers
