"""What can hardly be meant is doubted in the first warning; what is no run is refused."""

from __future__ import annotations

import pytest

from mfu_planner import plan
from mfu_planner.errors import InputError
from mfu_planner.run.doubt import doubts

ASKED = {"model": "gpt2", "hardware": "h100-sxm", "mfu": 0.4}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tokens": 40, "devices": 1}, "doubtful: 40 tokens in"),
        ({"tokens": "1000000T", "devices": 20_000_000}, "doubtful: 20,000,000 devices in one job"),
        ({"tokens": "90000T", "devices": 1}, "doubtful: a run of"),
    ],
)
def test_doubt_comes_first(given: dict[str, object], said: str) -> None:
    assert plan(**ASKED, **given).warnings[0].startswith(said)


def test_an_everyday_run_is_not_doubted() -> None:
    assert not any("doubtful" in w for w in plan(**ASKED, tokens="300B", devices=64).warnings)


def test_a_run_under_a_microsecond_is_none() -> None:
    with pytest.raises(InputError, match="a run of at least a microsecond"):
        plan(**ASKED, tokens="1M", devices=10**15)


@pytest.mark.parametrize(
    ("value", "doubted"),
    [
        ({"training_time_s": 60.0}, False),
        ({"training_time_s": 59.0}, True),
        ({"training_time_s": 1e-6}, True),
        ({"training_time_s": 36_500 * 86_400.0}, False),
        ({"training_time_s": 36_501 * 86_400.0}, True),
        ({"devices": 10_000_000}, False),
        ({"devices": 10_000_001}, True),
        ({}, False),
    ],
)
def test_where_doubt_begins(value: dict[str, float], doubted: bool) -> None:
    """Under a minute, over a hundred years, over ten million devices; what is not known is not doubted."""
    assert bool(doubts(value)) is doubted


def test_a_microsecond_is_the_shortest_run() -> None:
    """Just under it there is none; tokens that are not known are nought."""
    with pytest.raises(InputError, match="0 tokens in"):
        doubts({"training_time_s": 0.99e-6})
