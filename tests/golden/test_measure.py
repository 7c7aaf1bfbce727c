"""Measure a few small models again, so that the golden data stays what the script gives."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SMALL = (
    "pythia-14m,gpt2,opt-project,falcon-newdecoder,llama-headdim,gemma3_text-plain,mixtral-plain,dbrx-plain,"
    "deepseek_v3-plain,gpt_oss-plain,llama4-other,mamba-plain,mamba2-plain,zamba2-two,nemotron_h-moe,qwen3_next-plain,"
    "t5-gated,whisper-plain,clip-plain,resnet-bottleneck,convnext-plain"
)


@pytest.mark.golden
@pytest.mark.sampled(11)
def test_golden_data_is_what_the_script_measures(sample: Any) -> None:
    """Parameters and FLOPs of a score of models, to the integer."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        pytest.skip("torch and transformers are not installed")
    script = Path(__file__).with_name("measure.py")
    names = sample(SMALL.split(","))
    command = [sys.executable, str(script), "--only", ",".join(names), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert run.stdout.count("as in the file") == len(names)
