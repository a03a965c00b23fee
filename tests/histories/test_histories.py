"""A few hundred random histories, the same ones in every run; `run.py histories` plays others."""

import logging
from pathlib import Path

import pytest

from tests.histories.acts import ACTS
from tests.histories.machine import ENTRANCES, Histories
from tests.histories.play import play
from tests.histories.scene import POSTS


def test_no_history_breaks_an_invariant(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A5, A7, A17, A19, A21, A22, A23, A57, A63, A64."""
    caplog.set_level(logging.CRITICAL, "panel")
    play(tmp_path, 550, is_always_the_same=True)
    assert Histories.posted == set(POSTS)


def test_every_post_route_has_an_act() -> None:
    assert set(POSTS) == {*ACTS, *ENTRANCES}
