"""Seconds and memory to read a large profiler trace, beside Holistic Trace Analysis where it is installed.

A synthetic Kineto trace of the size asked for is written to a temporary folder (training steps with host operators,
launches, kernels on two streams and collectives, in Kineto's own layout).  Each reader runs in a process of its own;
its peak memory is the process's resident maximum.

Run: ``python benchmarks/trace_reading.py [--megabytes 100] [--gzip] [--stacks] [--hta PYTHON]``, where PYTHON is the
interpreter of an environment with HolisticTraceAnalysis (default: this one, skipped when it is not importable).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

OURS = """
import json, resource, sys, time
start = time.perf_counter()
from mfu_planner.observe.traces import read_trace
report = read_trace(sys.argv[1])
seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
idle = 100 * report.idle_s / report.window_s
print(json.dumps({"seconds": seconds, "mib": peak, "idle_pct": idle, "events": report.events}))
"""
HTA = """
import json, logging, os, resource, shutil, sys, tempfile, time
logging.disable(logging.CRITICAL)
folder = tempfile.mkdtemp(dir=os.path.dirname(sys.argv[1]))
os.link(sys.argv[1], os.path.join(folder, os.path.basename(sys.argv[1])))
sys.stdout, shown = sys.stderr, sys.stdout
start = time.perf_counter()
from hta.trace_analysis import TraceAnalysis
analysis = TraceAnalysis(trace_dir=folder)
table = analysis.get_temporal_breakdown(visualize=False)
analysis.get_comm_comp_overlap(visualize=False)
analysis.get_idle_time_breakdown(visualize=False)
taken = time.perf_counter() - start
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
shown.write(json.dumps({"seconds": taken, "mib": peak, "idle_pct": float(table["idle_time_pctg"].iloc[0])}))
"""

GEMM = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute_kernel__5x_cublas"
ADD = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>, "
    "std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<c10::BFloat16>, std::array<char*, 3ul>)"
)
REDUCE = "ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
OPERATORS = (
    "aten::linear",
    "aten::addmm",
    "aten::add",
    "aten::mul",
    "aten::copy_",
    "autograd::engine::evaluate_function",
)


def event(category: str, name: str, pid: int, tid: int, start: float, duration: float, args: str) -> str:
    """One event as Kineto lays it out."""
    return (
        f'  {{\n    "ph": "X", "cat": "{category}", "name": "{name}", "pid": {pid}, "tid": {tid},\n'
        f'    "ts": {start:.3f}, "dur": {duration:.3f},\n    "args": {{\n      {args}\n    }}\n  }}'
    )


def events(megabytes: float, *, stacks: bool) -> Iterator[str]:
    """Events of training steps until the text has the size asked for."""
    dice, written, now, device = random.Random(0), 0, 1_000_000.0, 1_000_050.0
    step = correlation = 0
    while written < megabytes * 1e6:
        step += 1
        begun = now
        part = []
        for i in range(2000):
            correlation += 1
            host = dice.uniform(8, 20)
            dims = f'"External id": {correlation},"Input Dims": [[4096, 4096], [4096, 1024], []], "Ev Idx": {i}'
            part += [
                event("cpu_op", dice.choice(OPERATORS), 1, 1, now + depth, host - 2 * depth, dims) for depth in range(3)
            ]
            if stacks:
                for depth in range(12):
                    frame = f'"Python id": {correlation}, "Python parent id": {depth}'
                    part.append(event("python_function", f"model.py({depth}): forward", 1, 1, now, host, frame))
            launch = now + host / 2
            link = f'"cbid": 211, "correlation": {correlation}'
            part.append(event("cuda_runtime", "cudaLaunchKernel", 1, 1, launch, 4, link))
            part.append(
                f'  {{\n    "ph": "s", "id": {correlation}, "pid": 1, "tid": 1, "ts": {launch:.3f},\n'
                '    "cat": "ac2g", "name": "ac2g"\n  }'
            )
            stream = 20 if i % 40 == 0 else 7
            name = REDUCE if stream == 20 else GEMM if i % 3 else ADD
            length = dice.uniform(4, 24)
            device = max(device + 1.2, launch + 6)
            where = f'"device": 0, "context": 1, "stream": {stream}, "correlation": {correlation}, "grid": [8, 1, 1]'
            part.append(event("kernel", name, 0, stream, device, length, where))
            part.append(
                f'  {{\n    "ph": "f", "id": {correlation}, "pid": 0, "tid": {stream}, "ts": {device:.3f},\n'
                '    "cat": "ac2g", "name": "ac2g", "bp": "e"\n  }'
            )
            if stream == 7:
                device += length
            now += host
        now = max(now, device - 2000)
        part.append(event("user_annotation", f"ProfilerStep#{step}", 1, 1, begun, now - begun, '"External id": 1'))
        text = ",\n".join(part)
        written += len(text)
        yield text


def write(path: Path, megabytes: float, *, packed: bool, stacks: bool) -> None:
    """Write the trace."""
    with gzip.open(path, "wt", compresslevel=6) if packed else path.open("w") as out:
        out.write('{\n  "schemaVersion": 1,\n  "deviceProperties": [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}],\n')
        out.write('  "distributedInfo": {"backend": "nccl", "rank": 0, "world_size": 8},\n  "traceEvents": [\n')
        for i, text in enumerate(events(megabytes, stacks=stacks)):
            out.write(text if i == 0 else ",\n" + text)
        out.write('\n  ],\n  "traceName": "synthetic"\n}\n')


def run(python: str, script: str, path: Path, times: int) -> dict[str, float] | str:
    """Median of several runs, or the reason why there is none."""
    found = []
    for _ in range(times):
        try:
            done = subprocess.run([python, "-c", script, str(path)], capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["failed"])[-1]
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return {key: statistics.median(f[key] for f in found) for key in found[0]}


def main() -> None:
    """Write, read, print."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--megabytes", type=float, default=100)
    ask.add_argument("--gzip", action="store_true")
    ask.add_argument("--stacks", action="store_true", help="with Python frames, as with_stack=True writes them")
    ask.add_argument("--hta", default=sys.executable, metavar="PYTHON")
    ask.add_argument("--times", type=int, default=3)
    flags = ask.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("rank-0.json.gz" if flags.gzip else "rank-0.json")
        begun = time.perf_counter()
        write(path, flags.megabytes, packed=flags.gzip, stacks=flags.stacks)
        print(f"wrote {path.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - begun:.0f} s")
        ours = run(sys.executable, OURS, path, flags.times)
        theirs = run(flags.hta, HTA, path, flags.times)
    for name, result in (("mfu-planner", ours), ("HTA", theirs)):
        if isinstance(result, str):
            print(f"{name:12} skipped: {result}")
        else:
            print(f"{name:12} {result['seconds']:6.2f} s  {result['mib']:6.0f} MiB  idle {result['idle_pct']:.2f}%")
    if not isinstance(ours, str) and not isinstance(theirs, str):
        print(
            f"{theirs['seconds'] / ours['seconds']:.1f} times faster, {ours['mib'] / theirs['mib']:.1%} of the memory"
        )


if __name__ == "__main__":
    main()
