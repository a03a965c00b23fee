"""The rules of the HTML standard."""

import re

from httpx2 import Response
from justhtml import JustHTML


def check(answer: Response) -> None:
    assert answer.text, (str(answer.url), answer.status_code)
    is_page = answer.text.startswith("<!doctype html>")
    # A title ends every fragment: htmx takes it out before it puts the rest in its place.
    text = answer.text if is_page else re.sub(r"<title>[^<]*</title>$", "", answer.text)
    parsed = JustHTML(text, collect_errors=True, sanitize=False, fragment=not is_page)
    assert parsed.errors == [], (str(answer.url), text)
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(ids) == len(set(ids)), str(answer.url)
    wanted = re.findall(r'\s(?:for|form|aria-labelledby|aria-describedby)="([^"]*)"', text)
    assert {one for several in wanted for one in several.split()} <= set(ids), str(answer.url)
    if is_page:
        assert len(re.findall("<h1", text)) == 1, str(answer.url)
        is_outside = '<body class="outside">' in text
        assert is_outside or 'id="sign-out"' in text, str(answer.url)  # the way out is everywhere (ASVS V7.4.4)
    for field in re.findall(r"<input[^>]*>", text):
        check_field(field)


def check_field(field: str) -> None:
    """Masked, and named so that password managers know what belongs there (ASVS V6.2.6, V6.2.7)."""
    attributes = dict(re.findall(r'\s([a-z-]+)="([^"]*)"', field))
    name, kind = attributes.get("name", ""), attributes.get("type", "text")
    if kind == "hidden":
        return
    wanted = {"current": "current-password", "step_up_password": "current-password", "repeated": "new-password"}
    if name in wanted:
        assert (kind, attributes["autocomplete"]) == ("password", wanted[name]), field
    elif name == "password":
        assert (kind, attributes["autocomplete"].endswith("-password")) == ("password", True), field
    elif name == "step_up_code" or (name == "code" and attributes.get("inputmode") == "numeric"):
        assert (kind, attributes["autocomplete"]) == ("text", "one-time-code"), field
    assert not set(attributes) & {"onpaste", "oncopy", "ondrop"}, field
