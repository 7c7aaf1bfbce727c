"""``watch`` beside a real training on this machine's CPU, and the meter inside it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mfu_planner.observe.logs import read_log
from mfu_planner.observe.watch import watch
from mfu_planner.observe.watch.look import Look

PARAMS, PEAK = 4 * 256 * 1024, 1e12
FLAGS = {"params": PARAMS, "peak": PEAK, "devices": 1, "seq_len": 64, "global_batch": 8}
TRAINING = f"""
import sys, time, torch
from mfu_planner import Meter

torch.manual_seed(0)
torch.set_num_threads(1)
model = torch.nn.Sequential(*(torch.nn.Linear(a, b, bias=False) for a, b in ((256, 1024), (1024, 256)) * 2))
update = torch.optim.SGD(model.parameters(), lr=1e-3)
meter = Meter(path=sys.argv[1], flops_per_token=6 * {PARAMS}, peak={PEAK}, devices=1, rank=0)
before = time.perf_counter()
for step in range(1, 41):
    loss = model(torch.randn(8, 64, 256)).square().mean()
    loss.backward()
    update.step()
    update.zero_grad()
    meter.step(8 * 64)
    now = time.perf_counter()
    print(f"step {{step}} | loss: {{loss.item():.4f}} | step_time: {{now - before:.9f}}s", flush=True)
    before = now
meter.close()
"""


@pytest.mark.extra
def test_watch_and_meter_agree_on_a_real_training(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The console's own times through ``watch``, and the meter's through its file: the same steps within 1%."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    file, seen = tmp_path / "meter.jsonl", list[Look]()
    status = watch(
        command=[sys.executable, "-c", TRAINING, str(file)],
        every_s=60,
        shown=lambda _, look: seen.append(look),
        **FLAGS,
    )
    report = read_log(capfdbinary.readouterr().out.decode(), **FLAGS)
    rows = [row for line in file.read_text().splitlines() if "step" in (row := json.loads(line))]
    left_out = {d.step for d in report.dropped}
    kept = [row for row in rows if row["step"] not in left_out and row["step"] >= 2]
    metered = 6 * PARAMS * sum(r["tokens_per_step"] for r in kept) / sum(r["step_time_s"] for r in kept) / PEAK

    assert status == 0
    assert len(rows) == 40
    assert len(kept) >= 20
    assert seen[-1].mfu == report.mfu
    assert seen[-1].mfu == pytest.approx(metered, rel=0.01)
    assert seen[-1].step == 40
