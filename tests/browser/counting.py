"""What a walk asks of a person: clicks, fields and keys, counted in the browser itself."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

LISTEN = """
addEventListener("click", (e) => e.isTrusted && e.detail && asked("click", e.target.closest("label, a, button")?.innerText.trim()), true);
addEventListener("input", (e) => e.isTrusted && asked("field", e.target.name), true);
addEventListener("keydown", (e) => e.isTrusted && e.key.length > 1 && asked("key", e.key), true);
"""  # noqa: E501


@dataclass
class Asked:
    """`fields` are counted once in a row, however many signs are typed."""

    clicks: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def note(self, kind: str, what: str) -> None:
        if kind == "click":
            self.clicks.append(what)
        elif kind == "key":
            self.keys.append(what)
        elif self.fields[-1:] != [what]:
            self.fields.append(what)

    def begin(self) -> None:
        """Count from here on."""
        for counted in (self.clicks, self.fields, self.keys):
            counted.clear()


def count(page: Page) -> Asked:
    """From the next page on that is opened."""
    asked = Asked()

    def note(_: Any, kind: str, what: str | None) -> None:
        asked.note(kind, what or "")

    page.expose_binding("asked", note)
    page.add_init_script(LISTEN)
    return asked
