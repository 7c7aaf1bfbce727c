"""What can hardly be meant is doubted in the first warning; what is no run is refused."""

from __future__ import annotations

import pytest

from mfu_planner import plan
from mfu_planner.errors import InputError

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
        plan(**ASKED, tokens="1B", devices=10**30)
