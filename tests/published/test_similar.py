"""Similar published runs: the index is fresh, the range is ordered, unknown hardware has none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mfu_planner.backtesting.index import build, text
from mfu_planner.facts import folder
from mfu_planner.published.similar import FEWEST, index, is_mixture, quantile, similar_runs


def test_index_is_fresh() -> None:
    """``python -m mfu_planner.backtesting.index --write`` would change nothing."""
    assert (folder("published_runs") / "mfu_index.json").read_text("utf-8") == text(build())


def test_llama_405b_lies_in_its_range() -> None:
    """Runs of Llama 3.1's size on H100 in bf16: Meta's published 38 to 43% stands among them."""
    found = similar_runs(405_853_388_800, "h100-sxm", devices=16384)

    assert found is not None
    assert found.n >= FEWEST
    assert found.low <= found.typical <= found.high < 0.7
    assert found.low < 0.43 < found.high
    assert all(link.startswith("https://") for link in found.links)


def test_shares_and_quantiles() -> None:
    """The quantile interpolates; the share below counts."""
    assert quantile([0.0, 1.0, 2.0], 0.25) == 0.5
    found = similar_runs(8_000_000_000, "h100-sxm")
    assert found is not None
    assert found.share_below(0.0) == 0.0
    assert found.share_below(1.0) == 1.0


def test_unknown_hardware_has_no_range() -> None:
    """None, never a guess."""
    assert similar_runs(8_000_000_000, "abacus") is None


def test_mixtures_are_apart() -> None:
    """DeepSeek-V3 is a mixture, Llama is not; entries say which they are."""
    assert is_mixture(671_026_419_200, 37_000_000_000)
    assert not is_mixture(8_030_261_248, 8_030_261_248)
    assert {e["mixture"] for e in index()["runs"]} == {True, False}


def test_a_range_needs_neither_numpy_nor_yaml() -> None:
    """A plan asks for a range: json alone is read."""
    code = (
        "import sys, json; from mfu_planner.published.similar import similar_runs;"
        "similar_runs(7000000000, 'h100-sxm');"
        "print(json.dumps([m for m in ('numpy', 'yaml', 'pydantic', 'sympy', 'pint') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("entry", index()["runs"][:: max(1, len(index()["runs"]) // 20)])
def test_entries_are_plausible(entry: dict[str, object]) -> None:
    """A rate between nothing and the peak, of a source that has an address."""
    assert 0 < float(str(entry["mfu"])) < 0.9
    assert str(index()["sources"][entry["source"]]).startswith("https://")
