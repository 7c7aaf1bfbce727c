"""What a refusal or an answer says is so: reasons, ratios, statuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mfu_planner import calibrate, plan, predict, search
from mfu_planner.errors import InputError, NoAnswer

START = "from mfu_planner.cli.main import main; main()"


@pytest.mark.parametrize("status", [0, 3])
def test_a_watched_command_hands_its_status_on(status: int) -> None:
    """A crashed training is no success for what started it."""
    command = [sys.executable, "-c", START, "watch", "--every", "1s", "--", "sh", "-c", f"exit {status}"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=600).returncode == status


def test_where_no_layout_divides_memory_is_not_blamed() -> None:
    with pytest.raises(NoAnswer) as outcome:
        search(model="llama-3.1-8b", hardware="h100-sxm", devices=1_000_000, global_batch=64)
    assert "divides" in str(outcome.value)
    assert "memory" not in str(outcome.value)


def test_a_plan_that_has_no_similar_run_says_so() -> None:
    with pytest.raises(InputError, match=r"too few published runs.*--predict"):
        plan(model="qwen3-8b", hardware="gtx-1080-ti", dtype="fp32", devices=256, tokens="2T")


def test_a_mixtures_tokens_are_per_active_parameter() -> None:
    """Mixtral 8x7B has 12.9B of 46.7B active: the law speaks of those."""
    found = plan(model="mixtral-8x7b", hardware="h100-sxm", devices=64, mfu="40%", optimal="chinchilla", seq_len=4096)
    assert found.optimal is not None
    assert found.tokens / found.optimal.tokens_per_parameter == pytest.approx(found.active_params, rel=1e-6)
    assert "per active parameter" in str(found)
    assert "12.88B" in str(found)


def test_a_slow_rate_keeps_its_digits() -> None:
    found = predict(model="llama-3.1-405b", hardware="h100-sxm", devices=512, tp=8, pp=16, global_batch=512)
    rate = found.tokens_per_s_per_device
    assert f"{rate:.4g}" in str(found)


def test_nothing_that_fits_is_said(tmp_path: Path) -> None:
    found = predict(model="gemma-2-9b", hardware="a100-sxm-40gb", devices=8, global_batch=32)
    assert not found.memory.fits
    assert any("no micro-batch fits" in said for said in found.assumptions)


def runs(tmp_path: Path, *seconds: float) -> str:
    path = tmp_path / "runs.csv"
    head = "id,model,hw_key,n_gpus,global_batch,seq_len,step_s,precision,tp,pp,zero,micro_batch\n"
    row = "{i},llama-3.1-8b,h100-sxm,8,128,8192,{s},bf16,1,1,3,1\n"
    path.write_text(head + "".join(row.format(i=i, s=s) for i, s in enumerate(seconds)))
    return str(path)


def test_one_run_that_cannot_be_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        calibrate(runs(tmp_path, 900.0))
