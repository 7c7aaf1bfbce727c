"""Every published run, asked through ``predict`` and ``memory`` with its own question: the back-test's figure?"""

from __future__ import annotations

import sys

from mfu_planner import backtest, memory, predict
from mfu_planner.backtesting import steptime
from mfu_planner.backtesting.memory import asked
from mfu_planner.backtesting.runs import read_runs


def main() -> int:
    """Print how many figures are equal to the last bit, and every one that is not."""
    steps = {row["id"]: row["predicted"] for row in backtest("step-time").rows}
    peaks = {row["id"]: row["predicted"] for row in backtest("memory").rows}
    equal, other = 0, 0
    for run in read_runs():
        (_, flags), (_, peak) = steptime.asked(run), asked(run)
        if flags is None or peak is None:
            continue
        for kind, kept, now in (
            ("step time", steps[run.id], predict(**flags).step_time_s),
            ("memory", peaks[run.id], memory(**peak).total_bytes),
        ):
            if kept is None:
                continue
            equal += kept == now
            if kept != now:
                other += 1
                print(f"{run.id}: {kind} {now!r}, back-test {kept!r}")
    print(f"{equal} figures equal, {other} not")
    return int(other > 0)


if __name__ == "__main__":
    sys.exit(main())
