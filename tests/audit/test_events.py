"""Events and notices are defined in one vocabulary, and no other module spells them out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.audit.events import TO_ADMINISTRATORS, Event, Failure, NoticeKind, Section
from web.http.page import ROOT

SOURCES = {
    file.relative_to(ROOT).as_posix(): file.read_text()
    for folder in ("web", "db", "templates")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".html") and "migrations" not in file.parts and file.name != "events.py"
}
CODE = {name: ast.parse(text) for name, text in SOURCES.items() if name.endswith(".py")}
SQL_OF_ITS_INDEX = ("db/activity.py", "session.started")  # `activity_logins` is of this event alone

# Notices that no event raises by itself, and what is to be judged first.
BESIDE_EVENTS = {
    NoticeKind.CODE_REPEATED: "whether the login that it was typed for is completed after all",
    NoticeKind.MANY_FAILURES: "how many failures went before a login",
    NoticeKind.NEW_DEVICE: "whether the browser of a login is known",
    NoticeKind.PASSKEY_COPIED: "whether its counter went back",
    NoticeKind.PASSWORD_KNOWN: "whether the second factor follows in time",
    NoticeKind.RECOVERY_USED: "which session came of it: that one is spared",
    **dict.fromkeys((kind for kind in NoticeKind if kind.is_of_administrators), "who did it, and to whom"),
}
OF_BEFORE = {NoticeKind.FACTOR_CHANGED}  # rows of older versions have it


def named(enum: str) -> set[str]:
    """The members that the code outside the vocabulary names."""
    nodes = (node for tree in CODE.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in nodes if ast.unparse(node.value) == enum}


def texts(name: str) -> Iterator[str]:
    """The strings of a module, SQL and docstrings included, or the whole of a template."""
    if name not in CODE:
        yield SOURCES[name]
        return
    for node in ast.walk(CODE[name]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("event", Event)
def test_every_event_has_words_of_its_own(event: Event) -> None:
    assert event.words.strip()
    assert [other for other in Event if other.words == event.words] == [event]
    assert [section for section in Section if event in section.events] == [event.section]


def test_every_section_has_events_and_no_word_of_another() -> None:
    subjects = [subject for section in Section for subject in section.subjects]
    assert sorted(subjects) == sorted({event.partition(".")[0] for event in Event})
    assert all(section.label for section in Section)


def test_every_event_whose_name_says_that_it_failed_is_a_failure() -> None:
    """Events whose names end in `failed`, and refusals because of earlier events, are failures; no others are."""
    by_name = {event for event in Event if re.search(r"failed$|\.repeated$|^(?:totp|recovery)\.locked$", event)}
    assert {event for event in Event if event.failure} == by_name
    assert all(Failure.OF_FACTOR in event.failure for event in Event if re.match(r"(?:totp|recovery).*failed$", event))


def test_every_kind_of_notice_has_words_and_belongs_to_an_event_or_says_why_not() -> None:
    assert all(kind.words.strip() for kind in NoticeKind)
    assert {event.notice for event in Event if event.notice} == set(NoticeKind) - set(BESIDE_EVENTS) - OF_BEFORE


def test_everything_in_the_vocabulary_is_used() -> None:
    assert named("Event") == set(Event.__members__)
    assert {NoticeKind[name] for name in named("NoticeKind")} >= set(BESIDE_EVENTS)


@pytest.mark.parametrize("name", SOURCES)
def test_no_other_module_spells_out_an_event_or_a_notice(name: str) -> None:
    events = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, Event))})(?![\w.])")
    found = {(name, event) for text in texts(name) for event in events.findall(text)}
    assert found == ({SQL_OF_ITS_INDEX} if name == SQL_OF_ITS_INDEX[0] else set())
    assert not {*NoticeKind} & {*texts(name)}


def test_the_event_that_sql_spells_out_is_that_of_the_index() -> None:
    made = "".join(file.read_text() for file in sorted((ROOT / "db/migrations").glob("*.sql")))
    assert re.findall(r"ON activity \([^)]*\) WHERE event = '([^']*)'", made) == [SQL_OF_ITS_INDEX[1]]


def test_what_is_sent_to_administrators_is_withdrawn_from_whoever_is_none_any_more() -> None:
    sent = {
        NoticeKind[name]
        for text in SOURCES.values()
        for name in re.findall(r"_administrators\(tx, visit, NoticeKind\.(\w+)", text)
    }
    assert sent | {NoticeKind.BRUTE_FORCE} == {*TO_ADMINISTRATORS}


def test_only_record_event_and_notify_write_entries_and_notices() -> None:
    """`record_event` raises the notice of its event: an entry written in another way would raise none."""
    writers = {
        "activity.record": {"web/audit/record.py"},
        "notices.raise_notice": {"web/audit/notices.py"},
        "notices.raise_for_administrators": {"web/audit/notices.py"},
    }
    for call, files in writers.items():
        assert {name for name, text in SOURCES.items() if f"{call}(" in text} == files
    for table in ("activity", "notices"):
        assert {Path(name).stem for name, text in SOURCES.items() if f"INSERT INTO {table} " in text} == {table}
