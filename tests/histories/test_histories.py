"""Histories that nobody thought of, a few hundred of them, always the same; `run.py histories` plays others."""

import logging
from pathlib import Path

import pytest

from tests.histories.acts import ACTS
from tests.histories.machine import ENTRANCES, Histories
from tests.histories.play import play
from tests.histories.scene import POSTS


def test_no_history_breaks_what_must_hold(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A5, A7, A17, A19, A21, A22, A23, A57, A63, A64."""
    caplog.set_level(logging.CRITICAL, "panel")
    play(tmp_path, 250, is_always_the_same=True)
    assert Histories.posted == set(POSTS)


def test_every_route_that_takes_a_post_is_somebodys_act() -> None:
    assert set(POSTS) == {*ACTS, *ENTRANCES}
