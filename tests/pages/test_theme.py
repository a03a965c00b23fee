"""Light, dark, or what the system says."""

from collections.abc import Callable

from starlette.testclient import TestClient

from tests.support.people import FRAGMENT, ORIGIN, Person, cookie_of


def test_a_theme_is_kept_and_given_up_again(alice: Person, client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": "dark"}, headers={"Referer": f"{ORIGIN}/security"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/security")
    assert '<html lang="pt-BR" data-theme="dark">' in client.get("/instances").text
    client.post("/theme", data={"theme": "system"})
    assert '<html lang="pt-BR">' in client.get("/instances").text
    assert cookie_of(client, "theme") == ""


def test_it_outlasts_the_session(alice: Person, client: TestClient) -> None:
    client.post("/theme", data={"theme": "light"})
    client.post("/logout")
    assert 'data-theme="light"' in client.get("/login").text


def test_in_place_the_page_stays(alice: Person, client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": "dark"}, headers=FRAGMENT)
    assert (answer.status_code, answer.text) == (204, "")
    assert cookie_of(client, "theme").endswith("=dark")


def test_a_word_that_is_no_theme_is_the_systems(alice: Person, client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": '"><script>'}, headers={"Referer": "//elsewhere.example//x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    name = next(iter(client.cookies)).replace("sid", "theme")
    client.cookies.set(name, "pink")
    assert '<html lang="pt-BR">' in client.get("/instances").text


def test_strangers_have_nothing_to_choose(new_client: Callable[[], TestClient]) -> None:
    answer = new_client().post("/theme", data={"theme": "dark"})
    assert answer.headers["location"].startswith("/login")
