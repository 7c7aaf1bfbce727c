"""The loop closed on the machine itself: probe, train, log, calibrate on five, predict the others, compare.

    python benchmarks/own_runs.py [--long] [--folder FOLDER]      (needs torch)

One thread of the CPU is the accelerator.  The process's own time is what is measured, by the Meter's clock and by the
probe alike, so that other work on the machine adds little.  ``--long``: more models and steps, the whole probe.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mfu_planner import Meter, calibrate, flops, predict, probe
from mfu_planner.fitting.choosing import choose
from mfu_planner.fitting.fit import prior
from mfu_planner.fitting.steps import NAMES, Steps
from mfu_planner.probing.layer import DecoderSizes, modules
from mfu_planner.questions.request import read_case

SHORT: tuple[tuple[DecoderSizes, int, int], ...] = (
    (DecoderSizes(128, 4, 2, 384, 1000), 128, 2),
    (DecoderSizes(128, 8, 2, 384, 1000), 64, 1),
    (DecoderSizes(256, 2, 4, 768, 4000), 256, 2),
    (DecoderSizes(256, 4, 4, 768, 4000), 128, 4),
    (DecoderSizes(256, 2, 4, 768, 4000), 1024, 1),
    (DecoderSizes(256, 2, 4, 768, 16000), 128, 2),
    (DecoderSizes(512, 2, 8, 1536, 4000), 128, 1),
    (DecoderSizes(512, 2, 8, 1536, 8000), 256, 1),
)
"""Models, sequence lengths, batches."""
LONG = (
    *SHORT,
    (DecoderSizes(128, 2, 2, 384, 1000), 64, 1),
    (DecoderSizes(128, 4, 2, 384, 4000), 256, 4),
    (DecoderSizes(256, 6, 4, 768, 4000), 128, 2),
    (DecoderSizes(256, 12, 4, 768, 4000), 128, 1),
    (DecoderSizes(256, 4, 4, 768, 4000), 512, 2),
    (DecoderSizes(256, 2, 4, 768, 4000), 2048, 1),
    (DecoderSizes(512, 4, 8, 1536, 8000), 256, 2),
    (DecoderSizes(512, 8, 8, 1536, 8000), 64, 1),
    (DecoderSizes(512, 4, 8, 1536, 8000), 1024, 1),
    (DecoderSizes(768, 4, 12, 2048, 16000), 128, 1),
    (DecoderSizes(768, 2, 12, 2048, 16000), 1024, 1),
    (DecoderSizes(1024, 2, 16, 2816, 16000), 128, 1),
    (DecoderSizes(1024, 4, 16, 2816, 8000), 64, 1),
)
OWN = 5
"""Runs that the calibration sees."""
BROKEN = 0.40
"""Error beyond which physics is broken, and not the machine busy."""


def train(sizes: DecoderSizes, seq_len: int, batch: int, steps: int, path: Path, machine: str) -> dict[str, Any]:
    """Train some steps with the Meter; the flags of the run, which stand beside its log."""
    import torch

    torch.manual_seed(0)
    config = path.with_suffix(".json")
    config.write_text(json.dumps(sizes.config()))
    asked = {"config": str(config), "dtype": "fp32", "devices": 1, "global_batch": batch, "micro_batch": batch}
    asked |= {"seq_len": seq_len}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(asked | {"config": config.name}))
    model = modules()[0](sizes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens = torch.randint(0, sizes.vocab, (batch, seq_len))
    work = flops(config=str(config), seq_len=seq_len).flops["total"] / seq_len
    peak = predict(**asked, machine=machine).peak_flops_per_s
    with Meter(flops_per_token=work, peak=peak, path=path, clock=time.process_time) as meter:
        for _ in range(steps):
            model(tokens, tokens).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            meter.step(tokens=batch * seq_len)
    del model, optimizer
    gc.collect()
    return asked


def chosen(asked: Sequence[dict[str, Any]], machine: str) -> list[int]:
    """The runs that a calibration learns most from, as it would suggest them."""
    steps = Steps.of([read_case({**flags, "machine": machine, "stack": "generic"}) for flags in asked])
    slopes = steps.slopes(np.zeros((1, len(NAMES))))[1][0]
    return [i for i, _ in choose(slopes, slopes, prior(measured=True), OWN)]


def close(folder: Path, *, long: bool, limit: float = 0.5) -> dict[str, Any]:
    """The figures: errors of the runs that no calibration saw, by the probe alone and with five runs.

    Parameters
    ----------
    folder
        Where machine, logs and stack are written.
    limit
        The probe's spread that is taken: a machine of a test is shared.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        machine = str(folder / "machine.yaml")
        measured = probe("cpu", quick=not long, output=machine, limit=limit)
        runs, asked = [], []
        for i, (sizes, seq_len, batch) in enumerate(LONG if long else SHORT):
            path = folder / f"run{i:02}.jsonl"
            asked.append(train(sizes, seq_len, batch, 16 if long else 8, path, machine))
            runs.append(path)
    finally:
        torch.set_num_threads(threads)
    own = chosen(asked, machine)
    found = calibrate(*(runs[i] for i in own), machine=machine, suggest=0, output=str(folder / "stack.yaml"))
    rows = []
    for i, (path, flags) in enumerate(zip(runs, asked, strict=True)):
        truth = calibrate(path, machine=machine, suggest=0).runs[0]
        after = predict(**flags, machine=machine, stack=str(folder / "stack.yaml"))
        rows.append({
            "run": path.name, "own": i in own, "measured_s": truth["step_s"],
            "probe": truth["base_s"] / truth["step_s"] - 1, "calibrated": after.step_time_s / truth["step_s"] - 1,
            "within": after.range["low"] <= truth["step_s"] <= after.range["high"],
        })  # fmt: skip
    others = [row for row in rows if not row["own"]]
    return {
        "spread": measured.spread,
        "rows": rows,
        "probe_only": statistics.median(abs(row["probe"]) for row in others),
        "probe_and_five": statistics.median(abs(row["calibrated"]) for row in others),
        "leave_one_out": found.leave_one_out["median"],
        "coverage": statistics.fmean(row["within"] for row in others),
        "broken": [row["run"] for row in others if abs(row["calibrated"]) > BROKEN],
    }


def shown(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [f"{'run':12} {'measured s':>10} {'probe':>7} {'with 5':>7}"]
    lines += [
        f"{row['run']:12} {row['measured_s']:10.4g} {row['probe']:+7.1%} {row['calibrated']:+7.1%}"
        + (" own" if row["own"] else "")
        for row in found["rows"]
    ]
    lines.append(
        f"median error of the others: probe alone {found['probe_only']:.1%}, probe and {OWN} runs "
        f"{found['probe_and_five']:.1%}; each of the {OWN} by the other ones {found['leave_one_out']:.1%}; "
        f"{found['coverage']:.0%} within the range; passes of the probe differ by {found['spread']:.1%}"
    )
    if found["broken"]:
        lines.append(f"beyond {BROKEN:.0%}, so broken physics rather than a busy machine: {', '.join(found['broken'])}")
    return "\n".join(lines)


def main() -> None:
    """Run it, print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--long", action="store_true")
    arguments.add_argument("--folder")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = Path(given.folder or own)
        folder.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(shown(close(folder, long=given.long)) + "\n")


if __name__ == "__main__":
    main()
