"""The report's figures on sources that no fit has seen, by hand."""

from __future__ import annotations

import pytest

from mfu_planner.backtesting.runs import RunRow, read_runs
from mfu_planner.backtesting.strangers import KNOWN_STACK, kinds, left_out, overall


def judged(source: str, errors: list[float], reach: float = 0.2):
    """Rows of one source: predictions of 1 s and published times that give the errors."""
    for number, error in enumerate(errors):
        published = 1.0 / (1.0 + error)
        yield (
            RunRow({"id": f"{source}-{number}"}),
            {"error": error, "published": published, "predicted": 1.0, "low": 1.0 - reach, "high": 1.0 + reach}
            | {"id": f"{source}-{number}"},
        )


def test_sources_weigh_the_same():
    """Medians 0.1 and 0.3; a is wholly inside ±20%, of b two of six: 1/1.3 and 1/1.5 lie below 0.8."""
    rows = [*judged("a", [0.1] * 50), *judged("b", [0.0, 0.1, 0.3, 0.3, 0.5, 0.5], 0.2), *judged("few", [9.0] * 4)]
    found = overall(rows)

    assert (found["rows"], found["sources"]) == (60, 2)
    assert found["mean"] == found["middle"] == pytest.approx(0.2)
    assert found["coverage"] == pytest.approx((1 + 2 / 6) / 2)
    assert found["worst"] == ("b", pytest.approx(2 / 6))
    assert found["half_width"] == pytest.approx(0.2)


def test_a_row_stands_under_all_that_is_not_known_of_it():
    """BLOOM's stack has vTrain's runs on the same device; of the offloading stack only one source published runs."""
    bloom, offload = (
        kinds(left_out([next(run for run in read_runs() if run.source == source)])) for source in ("bloomp", "mleng")
    )

    assert KNOWN_STACK in bloom
    assert KNOWN_STACK not in offload
    assert "no published run of this stack is on file" in offload
