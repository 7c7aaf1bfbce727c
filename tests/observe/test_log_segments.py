"""Several runs in one log, and where its wall clock went."""

from __future__ import annotations

import pytest

from mfu_planner.observe.logs import read_log


def iteration(step, stamp, milliseconds=2000.0):
    """A Megatron line."""
    clock = f"2031-01-01 {stamp // 3600:02d}:{stamp % 3600 // 60:02d}:{stamp % 60:02d}"
    return (
        f" [{clock}] iteration {step:8d}/     900 | consumed samples: {64 * step} | "
        f"elapsed time per iteration (ms): {milliseconds:.1f} | global batch size:    64 | lm loss: 2.0E+00 |\n"
    )


def test_restart_with_twice_the_devices_is_another_run():
    """16 devices take 4 s a step, after the restart 32 take 2 s: the figures are of the second, both stand apart."""
    first = "".join(iteration(i, 100 + 4 * i, 4000) for i in range(1, 31))
    second = "".join(iteration(i, 400 + 2 * i, 2000) for i in range(21, 36))
    report = read_log("world_size: 16\n" + first + "world_size: 32\n" + second, seq_len=1024)

    assert report.step_time_s == pytest.approx(2)
    assert report.devices == 32
    assert report.tokens_per_s_per_device == pytest.approx(64 * 1024 / 2 / 32)
    assert [(s.devices, s.step_time_s) for s in report.segments] == [(16, pytest.approx(4)), (32, pytest.approx(2))]
    assert report.segments[1].why == "other devices"
    assert report.steps == 45


def test_speed_that_changes_for_good_is_another_part():
    """Ten steps of 1 s and ten of 2 s are no outliers of each other: the last are what the run does now."""
    lines = "".join(
        f"step: {i} dt: {1000 if i < 15 else 2000}ms tok/sec: {8192 if i < 15 else 4096}\n" for i in range(5, 25)
    )
    report = read_log(lines)

    assert report.step_time_s == pytest.approx(2)
    assert report.tokens_per_s == pytest.approx(4096)
    assert [s.why for s in report.segments] == ["", "another step time"]
    assert [s.first_step for s in report.segments] == [5, 15]


def test_two_runs_in_a_file_do_not_mix():
    """A second run appended to the metrics of a first."""
    lines = [f"Step {i} | loss:1.9 lr:1e-05 tokens_per_second_per_gpu:{r}\n" for r in (1000, 3000) for i in range(1, 9)]
    report = read_log("".join(lines), devices=2)

    assert report.tokens_per_s_per_device == pytest.approx(3000)
    assert [s.tokens_per_s_per_device for s in report.segments] == [pytest.approx(1000), pytest.approx(3000)]


def test_one_run_has_no_segments():
    """Start-up, an outlier and scatter do not split a log."""
    seconds = [9.0, 2.0, 2.02, 1.98, 2.0, 7.0, 2.01, 1.99, 2.0, 2.0, 2.02, 1.98]
    report = read_log("".join(f"step: {i} dt: {1000 * t}ms\n" for i, t in enumerate(seconds, 1)))

    assert report.segments == ()
    assert report.step_time_s == pytest.approx(2, rel=0.01)


def test_goodput_adds_up_to_the_wall_clock():
    """Start-up 58 s, 20 steps of 2 s, 30 s of evaluation, 45 s of checkpoint, a restart of 100 s that repeats 5."""
    text, now = "2031-01-01 00:00:00 starting\n", 60
    for step in range(1, 21):
        text += iteration(step, now)
        if step == 8:
            text += " validation loss at iteration 8 | lm loss value: 2.1E+00 |\n"
            now += 30
        if step == 15:
            text += " successfully saved checkpoint at iteration 15\n"
            now += 45
        now += 2
    last = now - 2
    now = last + 100
    for step in range(16, 26):
        text += iteration(step, now)
        now += 2
    report = read_log(text)

    # the first record counts one step; after the restart the first record is the restart's, four more are repeated
    assert report.goodput == pytest.approx({
        "training": 2 + 19 * 2 + 5 * 2, "start-up": 58, "evaluation": 30, "checkpoint": 45, "restart": 100,
        "repeated steps": 4 * 2,
    })  # fmt: skip
    assert sum(report.goodput.values()) == pytest.approx(now - 2)
    assert [s.why for s in report.segments] == ["", "a restart"]


def test_no_stamps_no_goodput():
    """Without a clock there is no wall clock."""
    assert read_log("".join(f"step: {i} dt: 2000ms\n" for i in range(1, 9))).goodput == {}
