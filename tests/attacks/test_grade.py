"""The marks that Mozilla's HTTP Observatory would give: 100, bonuses added, faults taken off.

Scoring as published in https://github.com/mozilla/http-observatory/blob/main/httpobs/docs/scoring.md
"""

import re

from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.people import ORIGIN, Person, sign_in

PRELOADED = 5  # HSTS preloading is the owner's choice: the only bonus that is not ours to earn
HIGHEST = 135


def directives(answer: Response) -> dict[str, list[str]]:
    parts = (part.split() for part in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}


def of_policy(answer: Response) -> int:
    policy = directives(answer)
    if any("unsafe" in source or "http:" in source for sources in policy.values() for source in sources):
        return -20
    return 10 if policy["default-src"] == ["'none'"] else 5


def of_cookies(answer: Response) -> int:
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    if not all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies):
        return -40
    return 5 if all(re.search("SameSite=(lax|strict)", cookie) for cookie in cookies) else 0


def of_transport(answer: Response) -> int:
    found = re.match(r"max-age=(\d+)", answer.headers.get("strict-transport-security", ""))
    return 0 if found and int(found[1]) >= 15_768_000 else -20


def of_redirection(client: TestClient) -> int:
    """At the panel's own port; on port 80 of the public address the proxy redirects, as those of `deploy/` do."""
    answer = client.get(ORIGIN.replace("https", "http") + ":8000/login")
    return 0 if answer.headers.get("location", "").startswith(f"{ORIGIN}/") else -20


def of_referrer(answer: Response) -> int:
    private = ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
    return 5 if answer.headers["referrer-policy"] in private else -5


def of_scripts(answer: Response) -> int:
    scripts = re.findall(r"<script ([^>]*)>", answer.text)
    assert len(scripts) == 3
    if not all(re.search(r'src="/[^/]', script) for script in scripts):
        return -50
    return 5 if all("integrity=" in script for script in scripts) else 0


def of_frames(answer: Response) -> int:
    return 5 if directives(answer)["frame-ancestors"] == ["'none'"] else 0


def of_the_rest(answer: Response) -> int:
    is_open = "access-control-allow-origin" in answer.headers
    return (0 if answer.headers["x-content-type-options"] == "nosniff" else -5) - (50 if is_open else 0)


def test_the_panel_earns_every_point_that_is_not_the_owners_choice(alice: Person, client: TestClient) -> None:
    entered, page = sign_in(client, alice), client.get("/instances", headers={"Origin": "https://e.com"})
    marks = 100 + of_cookies(entered) + of_redirection(client)
    marks += sum(mark(page) for mark in (of_policy, of_transport, of_referrer, of_scripts, of_frames, of_the_rest))
    assert marks == HIGHEST - PRELOADED
