"""Whole reports against hand arithmetic: unions, windows, ranks, what the trace says of itself."""

from __future__ import annotations

import gzip
import io
import json
import sys

import pytest
from pydantic import ValidationError

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.traces import read_trace

DEVICE = {"deviceProperties": [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}, {"id": 1, "name": "NVIDIA H100 80GB HBM3"}]}
RANK0 = {"distributedInfo": {"backend": "nccl", "rank": 0, "world_size": 8}}


def us(report, *fields):
    return tuple(round(getattr(report, f) * 1e6, 6) for f in fields)


@pytest.fixture
def mixed(make_trace, names):
    """Computation [0, 100) and [150, 250); communication [80, 170) and [300, 340); a copy [90, 310).

    Window 340.  Computation 200, communication 130, both 80–100 and 150–170: 90 + 40 − 20 − 20 = 90 exposed.
    Kernels cover [0, 250) and [300, 340) = 290; the copy adds [250, 300) = 50; nothing is idle.
    """
    trace = make_trace(**DEVICE, **RANK0)
    trace.kernel(0, 100).kernel(150, 250).kernel(80, 170, names["reduce"], stream=20)
    trace.kernel(300, 340, names["reduce"], stream=20)
    return trace.kernel(90, 310, "Memcpy HtoD (Pinned -> Device)", category="gpu_memcpy", stream=21)


def test_unions_by_hand(mixed):
    """Busy, computation, communication, exposed, copies."""
    report = read_trace(mixed.write())

    assert us(report, "window_s", "busy_s", "idle_s") == (340, 340, 0)
    assert us(report, "compute_s", "communication_s", "exposed_communication_s") == (200, 130, 90)
    assert us(report, "exposed_memory_s") == (50,)
    assert report.overlap == pytest.approx(40 / 130)
    assert report.memcpy == pytest.approx({"HtoD": 220e-6})
    assert report.breakdown["communication"] == pytest.approx(90e-6)
    assert sum(report.breakdown.values()) == pytest.approx(report.window_s)
    assert (report.device, report.world_size, report.backend) == ("NVIDIA H100 80GB HBM3", 8, "nccl")


@pytest.mark.parametrize("name", ["a.json", "b.json.gz", "no-suffix"])
@pytest.mark.parametrize("indent", [None, 2])
def test_content_decides_not_the_name(mixed, name, indent):
    """Compressed or not, compact or indented: the same report."""
    path = mixed.write(name, indent)
    if name == "no-suffix":
        data = gzip.compress(mixed.text(indent).encode())
        (mixed.folder / name).write_bytes(data)

    assert us(read_trace(path), "window_s", "compute_s") == (340, 200)


def test_standard_input(mixed, monkeypatch):
    """``-`` reads standard input."""

    class Stdin:
        buffer = io.BytesIO(mixed.text().encode())

    monkeypatch.setattr(sys, "stdin", Stdin())

    assert us(read_trace("-"), "window_s") == (340,)


def test_collective_is_known_by_what_it_states(make_trace):
    """A kernel that carries a collective's description is communication under any name."""
    trace = make_trace().kernel(0, 100).kernel(100, 150, "my_kernel", **{"Collective name": "allgather"})

    assert us(read_trace(trace.write()), "compute_s", "communication_s") == (100, 50)


def test_old_category_names(make_trace):
    """Kineto of 2021 wrote ``Kernel``, ``Runtime`` and ``Memcpy``."""
    trace = make_trace().kernel(0, 100, category="Kernel").kernel(100, 120, "Memcpy DtoH", category="Memcpy")

    assert us(read_trace(trace.write()), "busy_s", "compute_s") == (120, 100)


def test_fractions_of_a_microsecond_survive(make_trace):
    """Back-to-back kernels with float times leave no idle time; rounding each time would."""
    trace = make_trace()
    for i in range(1000):
        trace.kernel(i * 1.6, i * 1.6 + 1.6)
    report = read_trace(trace.write())

    assert report.idle_s == pytest.approx(0, abs=1e-9)
    assert report.window_s == pytest.approx(1600e-6)


def test_whole_microseconds_are_pointed_out(make_trace):
    """Integer times: a finding, and the resolution of one microsecond."""
    report = read_trace(make_trace().kernel(0, 100).kernel(101, 200).write())

    assert report.clock_resolution_s == 1e-6
    assert "trace/whole-microseconds" in [f.code for f in report.findings]


def test_windows(make_trace):
    """Steps 3 (0–100) and 4 (100–220) on the host's clock; kernels [20, 90), [110, 150) and [160, 300)."""
    trace = make_trace().span("ProfilerStep#3", 0, 100).span("ProfilerStep#4", 100, 220)
    trace.kernel(20, 90, launch=5).kernel(110, 150, launch=105).kernel(160, 300, launch=120)
    path = trace.write()

    assert us(read_trace(path), "window_s", "busy_s") == (280, 250)
    assert us(read_trace(path, window="steps"), "window_s", "busy_s") == (220, 170)
    assert us(read_trace(path, step=3), "window_s", "busy_s", "idle_s") == (100, 70, 30)
    assert us(read_trace(path, step="3:4"), "window_s") == (220,)
    steps = read_trace(path).steps
    assert [(s.step, round(s.seconds * 1e6), round(s.busy_s * 1e6)) for s in steps] == [(3, 100, 70), (4, 120, 100)]
    assert read_trace(path).step_time_s == pytest.approx(110e-6)


def test_step_time_from_optimizer_steps(make_trace):
    """Without profiler steps, the distance of optimizer steps."""
    trace = make_trace().kernel(0, 900)
    for start in (100, 400, 700):
        trace.span("Optimizer.step#AdamW.step", start, start + 20)

    assert read_trace(trace.write()).step_time_s == pytest.approx(300e-6)


@pytest.mark.parametrize("wanted", [{"window": "whole"}, {"step": "x"}, {"step": "5:3"}, {"top": -1}])
def test_bad_choices(mixed, wanted):
    """Named, with what is accepted."""
    with pytest.raises(InputError):
        read_trace(mixed.write(), **wanted)


@pytest.mark.parametrize("wanted", [{"window": "steps"}, {"step": 3}])
def test_steps_that_are_not_there(mixed, wanted):
    """A clear question without an answer."""
    with pytest.raises(NoAnswer):
        read_trace(mixed.write(), **wanted)


def test_host_only_trace(make_trace):
    """Says which activity to profile."""
    with pytest.raises(NoAnswer, match="CUDA"):
        read_trace(make_trace().span("forward", 0, 100).write())


def test_events_that_cannot_be_used(make_trace):
    """Missing, infinite, negative, textual, nested or huge values leave the rest untouched."""
    trace = make_trace().kernel(0, 100)
    good = trace.events[0]
    for change in (
        {"ts": None},
        {"ts": "soon"},
        {"ts": float("inf")},
        {"ts": float("nan")},
        {"ts": 10**400},
        {"dur": -5},
        {"dur": 1e308, "ts": 1e308},
        {"args": [1]},
        {"args": {"device": [1]}},
        {"cat": ["kernel"]},
        {"cat": 3},
    ):
        trace.events.append(good | change)
    trace.events += [None, 5, "text", [], {"ph": "X", "cat": "kernel"}]  # type: ignore[list-item]
    report = read_trace(trace.write())

    assert us(report, "window_s", "busy_s") == (100, 100)
    assert any("without usable times" in w for w in report.warnings)


def test_text_numbers_are_numbers(make_trace):
    """Some writers quote their times."""
    trace = make_trace().kernel(0, 100)
    trace.events[0] |= {"ts": "0.0", "dur": "100.0"}

    assert us(read_trace(trace.write()), "window_s") == (100,)


@pytest.mark.parametrize("cut", [0.5, 0.9])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated_file(mixed, cut, packed):
    """What stands before the cut is measured, and the report says so."""
    text = mixed.text(indent=2).encode()
    data = gzip.compress(text, mtime=0) if packed else text
    path = mixed.folder / "cut"
    path.write_bytes(data[: int(len(data) * cut)])
    try:
        report = read_trace(str(path))
    except (InputError, NoAnswer):
        assert packed  # too little came out of the compressed half
    else:
        assert any("truncated" in w for w in report.warnings)


def test_compressed_in_several_members(mixed):
    """Members of a gzip file follow each other; padding behind the last is ignored."""
    text = mixed.text().encode()
    path = mixed.folder / "two.gz"
    path.write_bytes(gzip.compress(text[:200]) + gzip.compress(text[200:]) + b"\0" * 512)

    report = read_trace(str(path))

    assert us(report, "window_s") == (340,)
    assert not any("truncated" in w for w in report.warnings)


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"\x1f\x8bgarbage" * 9, b"\x89PNG\r\n" * 99, b"epoch,loss\n1,2\n"]
)
def test_files_that_are_no_trace(tmp_path, content):
    """InputError in one line."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_trace(str(path))


def test_missing_file_and_empty_folder(tmp_path):
    """Named."""
    with pytest.raises(InputError, match="nowhere"):
        read_trace(str(tmp_path / "nowhere.json"))
    with pytest.raises(InputError, match="folder"):
        read_trace(str(tmp_path))
    with pytest.raises(InputError):
        read_trace([])


def test_another_devices_crumbs_are_left_out(make_trace):
    """A context on device 0 of a process whose work is on device 1 is no second rank."""
    trace = make_trace(**DEVICE).kernel(0, 1000, device=1).kernel(5000, 5001, device=0)

    assert us(read_trace(trace.write()), "window_s") == (1000,)


def test_two_devices_in_one_process(make_trace):
    """Averaged, and listed one by one: 300 and 100 busy of 300 and 200."""
    trace = make_trace(**DEVICE).kernel(0, 300, device=0).kernel(0, 50, device=1).kernel(150, 200, device=1)
    report = read_trace(trace.write())

    assert us(report, "window_s", "busy_s", "idle_s") == (250, 200, 50)
    assert [r.device_index for r in report.ranks] == ["0", "1"]


@pytest.fixture
def job(make_trace, names):
    """Three ranks with two all-reduces each; rank 2 computes 50 longer, so that the others wait for it.

    Transfer takes 10.  Rank 0 and 1: 100 of computation and 60 in the collective, rank 2: 150 and 10; twice.
    """
    paths = []
    for rank, compute in enumerate((100, 100, 150)):
        trace = make_trace(**DEVICE, distributedInfo={"backend": "nccl", "rank": rank, "world_size": 3})
        offset = rank * 1e6  # clocks that do not agree
        for step in range(2):
            start = offset + step * 160
            trace.kernel(start, start + compute).kernel(start + compute, start + 160, names["reduce"], stream=20)
        paths.append(trace.write(f"rank{rank}.json"))
    return paths


def test_straggler(job):
    """Rank 2 is waited for: 2 × 50 µs; it never waits itself."""
    report = read_trace(job)

    assert report.straggler is not None
    assert report.straggler.rank == 2
    assert report.straggler.waited_for_s == pytest.approx(100e-6)
    assert report.straggler.waits_s == pytest.approx({"0": 100e-6, "1": 100e-6, "2": 0.0})
    assert report.straggler.collectives == 2
    assert "trace/straggler" in [f.code for f in report.findings]
    assert report.world_size == 3


def test_ranks_are_averaged(job):
    """Computation 200, 200 and 300: 700/3; the window is 320 everywhere."""
    report = read_trace(job)

    assert us(report, "window_s") == (320,)
    assert report.compute_s == pytest.approx(700e-6 / 3)
    assert [r.rank for r in report.ranks] == [0, 1, 2]
    assert report.window_s == pytest.approx(report.busy_s + report.idle_s)


def test_folder_of_ranks(job, tmp_path):
    """A folder stands for its traces."""
    assert us(read_trace(tmp_path), "window_s") == us(read_trace(job), "window_s")


def test_ranks_whose_collectives_differ_in_number(job, make_trace, names):
    """No pairing is attempted."""
    trace = make_trace(distributedInfo={"rank": 3, "world_size": 3}).kernel(0, 100, names["reduce"])

    assert read_trace([job[0], trace.write("rank3.json")]).straggler is None


def test_report_is_frozen_and_plain_json(mixed):
    """A record, not a bag."""
    report = read_trace(mixed.write())

    with pytest.raises(ValidationError):
        report.window_s = 1.0
    json.dumps(report.model_dump(mode="json"), allow_nan=False)


def test_top_kernels(make_trace, names):
    """The longest first, no more than asked for per class."""
    trace = make_trace()
    for i in range(4):
        trace.kernel(i * 100, i * 100 + 10 * (i + 1), f"gemm_{i}")
    report = read_trace(trace.write(), top=2)

    assert [k.name for k in report.kernels] == ["gemm_3", "gemm_2"]
    assert report.kernels[0].seconds == pytest.approx(40e-6)


def test_mfu_and_waterfall(make_trace, names):
    """gpt2, 8 sequences of 1024 tokens on one H100 in a step of 100 ms: the MFU is the arithmetic of ``measure``."""
    from mfu_planner import measure

    trace = make_trace(**DEVICE, distributedInfo={"rank": 0, "world_size": 1}).span("ProfilerStep#1", 0, 100_000)
    trace.kernel(0, 60_000, launch=-5).kernel(60_000, 80_000, names["reduce"]).kernel(90_000, 100_000, launch=85_000)
    report = read_trace(trace.write(), model="gpt2", global_batch="8", seq_len="1024")
    rate = 8 * 1024 / 0.1
    want = measure(model="gpt2", hardware="h100-sxm", seq_len=1024, tokens_per_second_per_device=rate)

    assert report.mfu == pytest.approx(want.mfu)
    assert sum(part.seconds for part in report.waterfall) == pytest.approx(0.1)
    assert report.waterfall[0].share == pytest.approx(want.mfu)
    assert report.waterfall[1].seconds == pytest.approx(0.07 - want.mfu * 0.1)


def test_batch_without_a_model(mixed):
    """Says what is missing."""
    with pytest.raises(InputError, match="model"):
        read_trace(mixed.write(), global_batch="8")


def test_progress_reaches_the_end(mixed):
    """Called with the bytes read and in all."""
    seen = []
    path = mixed.write()
    read_trace(path, progress=lambda file, done, total: seen.append((file, done, total)))

    assert seen[-1][1] == seen[-1][2] == len(mixed.text().encode())
