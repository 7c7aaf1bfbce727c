"""The meter: its arithmetic with a hand-driven clock, its file read back, who writes."""

from __future__ import annotations

import sys

import pytest

from mfu_planner.errors import InputError
from mfu_planner.observe.logs import read_log
from mfu_planner.observe.meter import Meter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drive(meter: Meter, clock: Clock, steps: int = 5) -> list[float]:
    """Steps of 2 s, half a second of it waiting, 1000 tokens each."""
    out = []
    for _ in range(steps):
        with meter.waiting():
            clock.now += 0.5
        clock.now += 1.5
        out.append(meter.step(1000))
    return out


def test_mfu_is_tokens_times_work_over_peak():
    """1000 tokens of 6 GFLOP in 2 s on two devices of 3 TFLOP/s: half of the peak."""
    clock = Clock()
    meter = Meter(flops_per_token=6e9, peak=3e12, devices=2, clock=clock)

    assert drive(meter, clock) == pytest.approx([0.5] * 5)
    assert meter.mfu == pytest.approx(0.5)
    assert meter.tokens_per_s == pytest.approx(500)
    assert meter.data_wait_share == pytest.approx(0.25)


def test_warm_up_stays_out_of_the_averages():
    """A first step of a minute changes only itself."""
    clock = Clock()
    meter = Meter(flops_per_token=1.0, peak=1.0, clock=clock)
    clock.now += 60
    meter.step(1000)

    assert meter.mfu is None
    drive(meter, clock)
    assert meter.tokens_per_s == pytest.approx(500)


def test_restart_leaves_an_evaluation_out():
    """The time before restart() is nobody's."""
    clock = Clock()
    meter = Meter(flops_per_token=1.0, peak=1.0, clock=clock)
    drive(meter, clock, 2)
    clock.now += 500
    meter.restart()
    drive(meter, clock, 2)

    assert meter.tokens_per_s == pytest.approx(500)


def test_log_reads_the_file_back(tmp_path):
    """Step time, tokens, devices, MFU and waiting share survive the file."""
    clock, path = Clock(), tmp_path / "meter.jsonl"
    with Meter(flops_per_token=6e9, peak=3e12, devices=2, path=path, rank=0, clock=clock) as meter:
        drive(meter, clock)
    report = read_log(path)

    assert report.format == "mfu-planner-meter"
    assert report.step_time_s == pytest.approx(2.0)
    assert report.tokens_per_s == pytest.approx(500)
    assert report.devices == 2
    assert report.reported.mfu == pytest.approx(0.5)
    assert report.data_wait_share == pytest.approx(0.25)
    assert report.implied_peak is not None
    assert report.implied_peak.flops_per_s == 3e12
    assert report.tokens_done == 5000


def test_only_rank_zero_writes(tmp_path, monkeypatch):
    """Other ranks measure without a file, unless told; then each has its own."""
    monkeypatch.setenv("RANK", "3")
    path = tmp_path / "m.jsonl"
    quiet = Meter(flops_per_token=1.0, peak=1.0, path=path)
    quiet.step(1)
    told = Meter(flops_per_token=1.0, peak=1.0, path=path, every_rank=True)
    told.step(1)
    told.close()

    assert not path.exists()
    assert (tmp_path / "m.rank3.jsonl").exists()


def test_senseless_input_is_refused(tmp_path):
    """Devices, work, peak and path are checked."""
    with pytest.raises(InputError, match="devices"):
        Meter(flops_per_token=1.0, peak=1.0, devices=0)
    with pytest.raises(InputError, match="flops_per_token"):
        Meter(flops_per_token=0.0, peak=1.0)
    with pytest.raises(InputError, match="path"):
        Meter(flops_per_token=1.0, peak=1.0, rank=0, path=tmp_path / "no" / "such" / "folder.jsonl")


def test_meter_needs_no_heavy_library():
    """Importing and using it loads neither torch nor numpy."""
    import subprocess

    code = (
        "import sys; from mfu_planner.observe.meter import Meter; Meter(flops_per_token=1.0, peak=1.0).step(1); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'pint', 'pydantic')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
