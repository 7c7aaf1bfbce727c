"""Traces of XLA programs: the rows that are work, the steps, and what the rest of the file must not add."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import read_trace
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.traces.classes import classify_hlo, rules


class Xla:
    """A writer of XLA traces: processes for devices, named rows, times in microseconds."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def process(self, pid: int, name: str, **rows: str) -> None:
        self.events.append({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}})
        for tid, row in rows.items():
            self.events.append(
                {"ph": "M", "pid": pid, "tid": int(tid[1:]), "name": "thread_name", "args": {"name": row}}
            )

    def work(self, pid: int, tid: int, start: float, end: float, name: str, **args: str) -> None:
        self.events.append(
            {"ph": "X", "pid": pid, "tid": tid, "ts": start, "dur": end - start, "name": name, "args": args}
        )

    def write(self, path: Path) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {"displayTimeUnit": "ns", "metadata": {"highres-ticks": True}, "traceEvents": [*self.events, {}]}
        )
        path.write_bytes(gzip.compress(text.encode()))
        return str(path)


def tpu_step() -> Xla:
    """100 µs: 40 of products, 20 hidden and 10 exposed of an all-gather, 10 of fusions, 40 idle."""
    trace = Xla()
    trace.process(3, "/device:TPU:0", t1="Steps", t2="XLA Modules", t3="XLA Ops", t4="Async XLA Ops")
    trace.process(701, "/host:CPU", t9="python3")
    trace.work(3, 1, 0, 100, "7")
    trace.work(3, 2, 0, 100, "jit_train_step(123)")
    trace.work(3, 3, 0, 100, "while.4", hlo_category="while")
    trace.work(3, 3, 0, 40, "fusion.12", hlo_category="convolution fusion")
    trace.work(3, 4, 20, 50, "all-gather-start.2", hlo_category="all-gather")
    trace.work(3, 3, 50, 60, "fusion.3", hlo_category="loop fusion")
    trace.work(3, 3, 99.5, 100, "copy.1", hlo_category="data formatting")
    return trace


def test_a_tpu_step_is_its_operations_and_not_the_rows_that_repeat_them(tmp_path: Path) -> None:
    found = read_trace(tpu_step().write(tmp_path / "host.trace.json.gz"))

    assert found.window_s == pytest.approx(100e-6)
    assert found.compute_s == pytest.approx(50.5e-6)
    assert found.communication_s == pytest.approx(30e-6)
    assert found.exposed_communication_s == pytest.approx(10e-6)
    assert found.idle_s == pytest.approx(39.5e-6)
    assert found.breakdown["matrix"] == pytest.approx(40e-6)
    assert [(s.step, s.seconds) for s in found.steps] == [(7, pytest.approx(100e-6))]
    assert found.step_time_s == pytest.approx(100e-6)


def test_streams_of_a_gpu_with_their_copies_and_collectives(tmp_path: Path) -> None:
    trace = Xla()
    trace.process(1, "/device:GPU:0", t13="Stream #13(Compute)", t14="Stream #14(MemcpyH2D)", t15="XLA Ops scope")
    trace.process(701, "/host:CPU", t9="main")
    trace.work(701, 9, 0, 200, "train", step_num="41")
    trace.work(701, 9, 1, 2, "cuLaunchKernelEx", correlation_id="5")
    trace.work(1, 13, 10, 60, "nvjet_hsh_128x256_64x4_1x2_h_bz_coopA_NTN", hlo_op="gemm.1", correlation_id="5")
    trace.work(1, 13, 60, 90, "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)")
    trace.work(1, 13, 95, 110, "loop_add_fusion_3", hlo_op="loop_add_fusion_3")
    trace.work(1, 14, 120, 130, "MemcpyH2D", memcpy_details="size:4096")
    trace.work(1, 15, 0, 200, "jit(train_step)/transpose")
    found = read_trace(trace.write(tmp_path / "gpu.trace.json.gz"))

    assert found.window_s == pytest.approx(120e-6)
    assert found.breakdown["matrix"] == pytest.approx(50e-6)
    assert found.exposed_communication_s == pytest.approx(30e-6)
    assert found.breakdown["elementwise"] == pytest.approx(15e-6)
    assert found.memcpy == {"HtoD": pytest.approx(10e-6)}
    assert [s.step for s in found.steps] == [41]


def test_every_device_of_a_host_is_a_rank(tmp_path: Path) -> None:
    trace = tpu_step()
    trace.process(4, "/device:TPU:1", t3="XLA Ops")
    trace.work(4, 3, 0, 80, "fusion.12", hlo_category="convolution fusion")
    found = read_trace(trace.write(tmp_path / "host.trace.json.gz"))

    assert [rank.device_index for rank in found.ranks] == ["TPU:0", "TPU:1"]


def test_a_run_on_the_cpu_is_called_so(tmp_path: Path) -> None:
    trace = Xla()
    trace.process(701, "/host:CPU", t9="tf_XLAEigen")
    trace.work(701, 9, 0, 10, "dot.3", hlo_op="dot.3")

    with pytest.raises(NoAnswer, match="XLA program with rows of the host alone"):
        read_trace(trace.write(tmp_path / "cpu.trace.json.gz"))


def test_the_folder_that_jax_writes_and_the_protocol_buffer_beside_the_trace(tmp_path: Path) -> None:
    old, new = (tmp_path / "plugins" / "profile" / day for day in ("2026_01_02_10_00_00", "2026_03_04_10_00_00"))
    tpu_step().write(old / "host.trace.json.gz")
    newest = tpu_step().write(new / "host.trace.json.gz")

    assert read_trace(str(tmp_path)).files == (newest,)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer: an integer, or text and messages with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _proto(trace: Xla) -> bytes:
    """The same trace as an ``XSpace``: planes, lines, events, names and categories in maps of their own."""
    space = b""
    named = [e for e in trace.events if e["ph"] == "M"]
    for process in (e for e in named if e["name"] == "process_name"):
        pid, plane = process["pid"], _field(2, process["args"]["name"])
        plane += _field(5, _field(1, 1) + _field(2, _field(1, 1) + _field(2, "hlo_category")))
        for row in (e for e in named if e["name"] == "thread_name" and e["pid"] == pid):
            line = _field(1, row["tid"]) + _field(2, row["args"]["name"]) + _field(3, 5_000)
            for e in trace.events:
                if e["ph"] == "X" and (e["pid"], e["tid"]) == (pid, row["tid"]):
                    key = 1 + trace.events.index(e)
                    category = e["args"].get("hlo_category")
                    stat = _field(5, _field(1, 1) + _field(5, category)) if category else b""
                    plane += _field(4, _field(1, key) + _field(2, _field(1, key) + _field(2, e["name"]) + stat))
                    times = _field(2, round(e["ts"] * 1e6)) + _field(3, round(e["dur"] * 1e6))
                    line += _field(4, _field(1, key) + times)
            plane += _field(3, line)
        space += _field(1, plane)
    return space


def test_a_protocol_buffer_gives_what_the_trace_of_the_same_profile_gives(tmp_path: Path) -> None:
    file = tmp_path / "host.xplane.pb"
    file.write_bytes(_proto(tpu_step()))
    want = read_trace(tpu_step().write(tmp_path / "host.trace.json.gz"))

    found = read_trace(str(file))
    for name in ("window_s", "busy_s", "compute_s", "communication_s", "exposed_communication_s", "idle_s"):
        assert getattr(found, name) == pytest.approx(getattr(want, name)), name


@pytest.mark.parametrize("data", [b"", b"\n\x05hello", b"\xff" * 40, _proto(tpu_step())[:200]])
def test_a_damaged_protocol_buffer_ends_in_words(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "broken.xplane.pb"
    file.write_bytes(data)
    with pytest.raises((NoAnswer, InputError), match=r"broken\.xplane\.pb"):
        read_trace(str(file))


@pytest.mark.parametrize("rule", rules("hlo_classes.csv"), ids=lambda rule: rule.example)
def test_every_rule_names_its_own_example(rule: Any) -> None:
    assert classify_hlo("", rule.example) == rule.kind
