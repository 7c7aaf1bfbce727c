"""A probe goes on where it was stopped, refuses a busy machine, and closes the loop with real training."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mfu_planner import InputError, NoAnswer, predict
from mfu_planner.machine.own_machine import read_machine
from mfu_planner.probing import probe as probing
from mfu_planner.probing.points import ProbePoint
from mfu_planner.probing.timings import Timings

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {"device": "x", "torch": "1", "quick": True}


class Watch:
    """A device that takes what it is told."""

    def __init__(self, *seconds: float) -> None:
        self.left, self.asked = itertools.cycle(seconds), 0

    def clock(self) -> float:
        return 0.0

    def seconds(self, action: Any, budget_s: float) -> float:
        self.asked += 1
        return next(self.left)


POINTS = [ProbePoint(name, "g", {}, lambda: lambda: None) for name in "abc"]


def timings(path: Path | None, watch: Any, passes: int = 2) -> Timings:
    """Timed once through."""
    found = Timings(path, ABOUT)
    found.run(watch, POINTS, passes, 0.0, 60.0, lambda *_: None)
    return found


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """What is timed is not timed again; timings of another device are not taken up; a torn file is none."""
    path = tmp_path / "machine.yaml.part"
    first = Watch(1.0)
    timings(path, first, passes=1)
    assert first.asked == 3
    second = Watch(2.0)
    assert timings(path, second).seconds("a") == 1.0
    assert second.asked == 3
    assert Timings(path, ABOUT | {"torch": "2"}).held == {}
    path.write_text(path.read_text()[:-9])
    assert timings(path, Watch(3.0)).seconds("c") == 3.0


def test_the_fastest_pass_counts_and_the_spread_is_said(tmp_path: Path) -> None:
    """1.0 and 1.2 s: the first, and 18% apart; dropped points are timed anew."""
    found = timings(tmp_path / "part", Watch(1.0, 1.0, 1.0, 1.2, 1.2, 1.2))
    assert found.seconds("b") == 1.0
    assert found.spread("b") == pytest.approx(0.2 / 1.1)
    found.forget(["b"])
    again = Watch(1.0)
    assert timings(tmp_path / "part", again).spread("b") == 0.0
    assert again.asked == 2


def test_a_slow_device_is_timed_within_the_limit() -> None:
    """One FLOP a second for a minute: the largest are left out, costly ones timed in one pass."""
    clock = [0.0]

    class Slow:
        def clock(self) -> float:
            return clock[0]

        def seconds(self, action: Any, budget_s: float) -> float:
            clock[0] += 2.0 * action  # it warms up, it counts
            return float(action)

    def point(name: str, work: float, like: str = "product") -> ProbePoint:
        return ProbePoint(name, "g", {}, lambda: work, like, work)

    slow = [point("needed", 3.0, ""), *(point(str(w), float(w)) for w in (1, 2, 4, 100, 1000)), point("last", 1.0)]
    found = Timings(None, ABOUT)
    found.run(Slow(), slow, 2, 0.0, 60.0, lambda *_: None)
    assert clock[0] <= 60.0
    assert [p.name for p in slow if not found.timed(p.name)] == ["100", "1000"]
    assert found.spread("4") is None  # one pass alone had the time
    assert found.spread("2") == 0.0


def test_a_busy_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 10%: no file, and what was steady is kept for the next try."""
    device = Watch(1.0, 1.0, 1.0, 1.0, 1.5, 1.5)
    fake = SimpleNamespace(name="x", torch=SimpleNamespace(__version__="1"), seconds=device.seconds, clock=device.clock)
    monkeypatch.setattr(probing, "torch_device", lambda _: fake)
    monkeypatch.setattr(probing, "points", lambda *_, **__: POINTS)
    out = tmp_path / "machine.yaml"
    with pytest.raises(NoAnswer, match=r"passes differ by 40%, more than 10%.*run it again"):
        probing.probe(quick=True, output=out)
    assert not out.exists()
    kept = [json.loads(line)[0] for line in (tmp_path / "machine.yaml.part").read_text().splitlines()[1:]]
    assert kept == ["a", "a"]


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"mfu-planner\[probe\]"):
        probing.probe()


def loop() -> ModuleType:
    """The script that closes the loop."""
    spec = importlib.util.spec_from_file_location("own_runs", ROOT / "benchmarks" / "own_runs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_runs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.xdist_group("torch")
def test_an_unknown_device_is_refused() -> None:
    """With what torch has."""
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"device: got 'tpu'.*cpu"):
        probing.probe("tpu")


@pytest.mark.skipif("MFU_PLANNER_LONG" not in os.environ, reason="three minutes of training: .ci/run has it beside")
def test_the_loop_closes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Probe, train, log, calibrate on five, predict the others.

    How fast a shared machine is decides nothing: the figures are printed.
    """
    pytest.importorskip("torch")
    script = loop()
    found = script.close(tmp_path, long=False)
    with capsys.disabled():
        sys.stderr.write("\n" + script.shown(found) + "\n")
    assert sum(row["own"] for row in found["rows"]) == script.OWN < len(found["rows"])
    assert all(math.isfinite(row[name]) for row in found["rows"] for name in ("probe", "calibrated"))
    machine = tmp_path / "machine.yaml"
    held = read_machine(machine).held
    assert held.measured.threads == 1
    assert not held.issue.overlaps
    asked = {"model": "gpt2", "dtype": "fp32", "devices": 1, "global_batch": 1, "seq_len": 128}
    alone = predict(**asked, machine=machine)
    assert alone.inputs["hardware"] == held.device
    assert predict(**asked, machine=machine, stack=str(tmp_path / "stack.yaml")).step_time_s != alone.step_time_s
