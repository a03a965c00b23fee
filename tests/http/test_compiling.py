"""Templates compiled our way: the same pages to the byte, and nothing gets past the escaping."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError
from jinja2.compiler import CodeGenerator
from markupsafe import Markup, escape

from tests.support.clock import Clock
from web.factors import totp
from web.http.compiling import escaped
from web.http.page import templates

DANGEROUS = "<script>\"'&"
SAFE = "&lt;script&gt;&#34;&#39;&amp;"


class Word(StrEnum):
    DANGEROUS = DANGEROUS


class Whole(Markup):
    """A kind of Markup that we do not know."""


def plainly() -> Environment:
    """The same environment with Jinja's own compiler."""
    plain: Environment = templates.overlay(cache_size=-1)
    plain.code_generator_class = CodeGenerator
    plain.globals = templates.globals | {"ui": plain.get_template("ui.html").module}
    return plain


def compiled(source: str) -> str:
    code: str = templates.compile(source, raw=True)
    return code


def test_the_style_guide_is_the_page_that_jinja_itself_makes(clock: Clock) -> None:
    now = clock()
    context = dict.fromkeys(
        (
            "session",
            "notices",
            "is_exposed",
            "is_fragment",
            "theme",
            "help",
            "zone",
            "own_zone",
            "delayed_acts",
            "greeting",
            "recovery_left",
        )
    )
    context |= {"panel_name": DANGEROUS, "host": DANGEROUS, "section": "/styleguide", "now": now}
    context |= {"qr": totp.qr_code("otpauth://"), "drawings": ["lock", DANGEROUS]}
    context |= {"moments": [now, now - timedelta(days=3)]}
    page = templates.get_template("styleguide/show.html").render(context)
    assert page == plainly().get_template("styleguide/show.html").render(context)
    assert DANGEROUS not in page
    assert page.count(SAFE) == 5


@given(st.text() | st.text(alphabet="<>&'\"a") | st.integers() | st.floats() | st.none() | st.booleans())
def test_every_value_is_escaped_as_the_library_does_it(value: object) -> None:
    assert escaped(value) == escape(value)


@pytest.mark.parametrize("value", [Markup("<b>"), Whole("<b>"), Word.DANGEROUS, [DANGEROUS], {DANGEROUS: 1}])
def test_only_what_is_markup_stays_as_it_is(value: object) -> None:
    assert escaped(value) == escape(value)
    assert (escaped(value) == value) is isinstance(value, Markup)


@pytest.mark.parametrize(
    "source",
    [
        "{{ text }}",
        '{{ "<i>" }}{{ text ~ "" }}{{ text if text else "" }}',
        "{% block here %}{{ text }}{% endblock %}",
        "{% for one in [text] %}{{ one }}{% endfor %}",
        "{% set it %}{{ text }}{% endset %}{{ it }}",
        "{% macro piece(one) %}{{ one }}{% endmacro %}{{ piece(text) }}",
        '{{ ui.state("on", text) }}',
        '{% call ui.row("lock", text, "Texto") %}{{ text }}{% endcall %}',
        '{{ ui.state("on", "<script>\\"\'&") }}',
        '{% call ui.row("lock", "Título", "Texto") %}{{ "<script>\\"\'&" }}{% endcall %}',
    ],
)
def test_text_is_escaped_wherever_it_stands(source: str) -> None:
    page = templates.from_string(source).render(text=DANGEROUS)
    assert page == plainly().from_string(source).render(text=DANGEROUS)
    assert SAFE in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    "source",
    [
        '{{ ui.state("on", "Ativa") }}',
        '{{ ui.row("lock", "Título", "Texto", ui.state(kind="on", text="Ativa")) }}',
        '{% call ui.row("lock", "Título", "Texto") %}<a href="/">{{ "lock"|icon }} Abrir</a>{% endcall %}',
        '{% call ui.group("A", "B") %}{% call ui.row("lock", "C", "D") %}E{% endcall %}{% endcall %}',
    ],
)
def test_a_piece_whose_words_are_constant_is_made_once(source: str) -> None:
    assert "context.call" not in compiled(source)
    assert templates.from_string(source).render() == plainly().from_string(source).render()


@pytest.mark.parametrize(
    "source",
    [
        '{{ ui.state("on", word) }}',
        '{{ ui.state(*["on", "Ativa"]) }}',
        '{% call ui.row("lock", "Título", word) %}{{ word }}{% endcall %}',
        '{{ word.upper("on", "Ativa") if false else word }}',
    ],
)
def test_a_piece_with_a_word_that_changes_is_made_for_each_page(source: str) -> None:
    assert "context.call" in compiled(source)
    same_for_any_word(source)


@pytest.mark.parametrize(
    "source",
    [
        '{% call ui.row("lock", "Título", "Texto") %}{% if word == "uma" %}A{% endif %}{{ word }}{% endcall %}',
        '{% call ui.group("A", "B") %}{% call ui.row("lock", "C", "D") %}{{ word }}{% endcall %}{% endcall %}',
        '{% set x = 1 %}{% call ui.group("A", "B") %}{% set x = word %}{{ x }}{% endcall %}{{ x }}',
        '{% for x in word %}{% call ui.group("A", "B") %}{{ x }}{{ word }}{% endcall %}{% endfor %}',
        '{% block here %}{% call ui.drawer("lock", "A", "B", "", "c") %}{{ word }}{% endcall %}{% endblock %}',
    ],
)
def test_around_a_body_that_changes_the_piece_is_made_once(source: str) -> None:
    assert "context.call" not in compiled(source)
    same_for_any_word(source)


def same_for_any_word(source: str) -> None:
    for word in ("uma", "outra", DANGEROUS):
        page = templates.from_string(source).render(word=word)
        assert page == plainly().from_string(source).render(word=word)


class Thing:
    name = DANGEROUS
    inner: ClassVar = {"name": DANGEROUS, "of": [{"name": 7}]}


@pytest.mark.parametrize(
    "source",
    [
        "{{ thing.name }}{{ thing.inner.name }}{{ thing.inner.of[0].name }}",
        "{% for one in [thing, thing.inner] %}{{ loop.index }}{{ one.name|upper }}{% endfor %}",
        "{% macro a(one) %}{{ one.name }}{{ caller() }}{% endmacro %}{% call a(thing) %}{{ thing.name }}{% endcall %}",
        "{{ thing.nothing is defined }}{{ thing.inner.nothing|default(thing.name) }}",
        "{% autoescape thing.inner.of %}{{ thing.name }}{% endautoescape %}",
    ],
)
def test_attributes_and_keys_are_found_as_jinja_finds_them(source: str) -> None:
    page = templates.from_string(source).render(thing=Thing())
    assert page == plainly().from_string(source).render(thing=Thing())


def test_an_attribute_that_is_missing_is_still_an_error() -> None:
    for source in ("{{ thing.nothing }}", "{{ thing.inner.nothing }}", "{{ thing.nothing.name }}"):
        with pytest.raises(UndefinedError, match="nothing"):
            templates.from_string(source).render(thing=Thing())


def test_a_name_that_is_missing_is_still_an_error() -> None:
    with pytest.raises(UndefinedError, match="'nobody' is undefined"):
        templates.from_string("{% block here %}{{ nobody }}{% endblock %}").render()
