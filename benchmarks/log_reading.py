"""Seconds and peak memory to read a large log: ``python benchmarks/log_reading.py [MEGABYTES]``.

Writes logs of several shapes into a temporary folder and reads each in a fresh process.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_SEED = 20_241_124
_MIB = 1 << 20


def megatron(i: int, r: random.Random) -> str:
    """A Megatron-LM iteration line."""
    return (
        f" [2026-01-02 {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}] iteration {i:8}/ 9000000 | consumed "
        f"samples: {128 * i:12} |"
        f" elapsed time per iteration (ms): {5800 + 40 * r.random():.1f} | throughput per GPU (TFLOP/s/GPU): "
        f"{220 + r.random():.1f} |"
        f" learning rate: 1.000000E-05 | global batch size:   128 | lm loss: {2 + r.random():.6E} | loss scale: 1.0 |"
        " grad norm: 1.2 | number of skipped iterations:   0 | number of nan iterations:   0 |\n"
    )


def torchtitan(i: int, r: random.Random) -> str:
    """A torchtitan step line."""
    return (
        f"[rank0]:[titan] 2026-01-02 {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02},123 - root - INFO - step: "
        f"{i}  loss: {2 + r.random():.4f}"
        f"  memory: 30.89GiB(32.51%)  tps: {6300 + r.randrange(50):,}  tflops: {365 + r.random():.2f}  mfu: "
        f"{36.9 + 0.1 * r.random():.2f}%\n"
    )


def tqdm(i: int, r: random.Random) -> str:
    """A progress bar, refreshed by carriage returns, and a dictionary now and then."""
    seconds = int(4.2 * i)
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    bar = f"\r 32%|███▏      | {i}/9000000 [{clock}<52:46:00,  {4.2 + 0.1 * r.random():.2f}s/it]"
    return bar + (f"\n{{'loss': {r.random():.4f}, 'learning_rate': 0.0001, 'epoch': 0.97}}\n" if i % 10 == 0 else "")


def json_lines(i: int, r: random.Random) -> str:
    """One JSON object a step."""
    values = f'"step_time_ms": {812 + r.random():.2f}, "tokens_per_step": 524288, "lr": 0.0001'
    return f'{{"step": {i}, "loss": {r.random():.4f}, {values}}}\n'


def noise(i: int, r: random.Random) -> str:
    """Text that is no record, with a Megatron line every hundred."""
    return (
        megatron(i // 100, r)
        if i % 100 == 0
        else f"INFO dataset shard {i} of 100000 opened in {r.random():.3f} seconds from /data/shard.bin\n"
    )


SHAPES: dict[str, Callable[[int, random.Random], str]] = {
    "megatron": megatron,
    "torchtitan": torchtitan,
    "tqdm": tqdm,
    "json lines": json_lines,
    "mostly noise": noise,
}


def write(path: Path, shape: Callable[[int, random.Random], str], size: int) -> None:
    """Fill a file of ``size`` bytes with records."""
    r = random.Random(_SEED)
    with path.open("w", encoding="utf-8") as file:
        i = 0
        while file.tell() < size:
            file.writelines(shape(i + k, r) for k in range(20_000))
            i += 20_000


def read(path: str) -> None:
    """Read one file and print seconds, MiB of peak memory and what was found."""
    from mfu_planner.observe.logs import read_log

    start, busy = time.perf_counter(), time.process_time()
    report = read_log(path)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{seconds:7.2f} s ({busy:.2f} s of processor)  {peak:6.0f} MiB  {report.format}, {report.steps:,} steps, "
        f"{report.window.records:,} records used"
    )


def main() -> None:
    """Write and read every shape."""
    size = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 100_000_000
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            path = Path(folder) / "run.log"
            write(path, shape, size)
            print(f"{name:14} {path.stat().st_size / 1e6:6.0f} MB  ", end="", flush=True)
            subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2])
    else:
        main()
