"""Odd text in every flag of every command: an answer, or one line. Never a traceback, never NaN in JSON."""

from __future__ import annotations

import contextlib
import io
import json
import os
from importlib import import_module
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mfu_planner.cli.main import main

WORDS = r"""
    0 -1 1 2 7 40 40% 0.4 1e400 1e-300 1e300 nan inf -inf 1e999T 15.6T 15_000 1,000 1,0 8k 30d 5.2s 5e-5s 2.5$/h $2M M
    '$' % ٣ ½ 80GiB 989TFLOP/s 9400tok/s/GPU 3images/s 512sequences H100 h100-sxm a100-sxm-80gb mi250x tpu-v3 v5p-256
    v5p-0 v5p-3 p5.48xlarge 4nodes 64chips 8cores gpt2 t5-small vit-b16 whisper-base gemma-3-4b all full causal 6n
    megatron-2021 bf16 fp8 fp4 tf32 none selective fused 512:10 512:0 1:1,2:2 , : q_proj decoder / . -- ../.. /dev/null
    /proc/self/mem 2026-01 2026-02-30 true null {} [] {"model_type":"llama"} \\
"""
ODD = st.sampled_from(WORDS.split()) | st.text(max_size=12)
BASE = {
    "plan": {"model": "gpt2", "hardware": "h100-sxm", "tokens": "1B", "devices": "8", "mfu": "40%"},
    "mfu": {"model": "gpt2", "hardware": "h100-sxm", "tokens-per-second": "1M", "devices": "8"},
    "flops": {"model": "gpt2", "seq-len": "128"},
    "predict": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "memory": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "search": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "diagnose": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "tokens-per-second": "1M"},
    "log": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8"},
    "trace": {},
    "hardware": {},
    "models": {},
}
FILES = {
    "log": "".join(f"step: {i}  loss: 3.1  tps: {7000 + i}  tflops: 400.1  mfu: 40.4%\n" for i in range(1, 20)),
    "trace": json.dumps({
        "deviceProperties": [{"name": "NVIDIA H100 80GB HBM3"}],
        "traceEvents": [
            {"ph": "X", "cat": "kernel", "name": f"gemm_{i}", "ts": 10.5 * i, "dur": 7.25, "pid": 0, "tid": 7,
             "args": {"stream": 7, "device": 0}}
            for i in range(20)
        ],
    }),
}  # fmt: skip
"""What a command that reads a file is given."""
EXAMPLES = {"search": 15, "diagnose": 20}
MOST = 50 if "MFU_PLANNER_WHOLE" in os.environ else 20
ARGUMENTS = {"hardware": 2, "models": 1}


def flags(command: str) -> list[click.Option]:
    """The options of a command."""
    built: click.Command = import_module(f"mfu_planner.cli.{command}").command
    return [p for p in built.params if isinstance(p, click.Option)]


def attempt(args: list[str]) -> None:
    """Run; check the exit status, the one line of an error, the one JSON object of an answer."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(args)
        except SystemExit as done:
            status = int(done.code or 0)
    assert status in (0, 1, 2), args
    if status:
        assert out.getvalue() == "", args
        assert err.getvalue().count("\n") == 1, (args, err.getvalue())
        assert len(err.getvalue()) < 1500, (args, err.getvalue())
    elif "--json" in args and "--template" not in args:
        got = json.loads(out.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} in JSON: {args}"))
        assert got["schema_version"] == 1


@pytest.mark.sampled(1)
@pytest.mark.parametrize("command", sorted(BASE))
def test_any_text_in_any_flag_gives_an_answer_or_one_line(command: str, tmp_path: Path) -> None:
    """Up to three flags replaced or added, on top of a question that has an answer."""
    (tmp_path / "input").write_text(FILES.get(command, ""))
    options = flags(command)
    valued = [p.opts[-1].lstrip("-") for p in options if not p.is_flag and not {"--specs", "--scheduler"} & set(p.opts)]
    endless = ("help", "as_json", "follow")
    alone = [name for p in options if p.is_flag and p.name not in endless for name in p.opts]

    most = min(MOST, EXAMPLES.get(command, MOST))

    @settings(max_examples=most, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        st.dictionaries(st.sampled_from(valued), ODD, max_size=3),
        st.lists(st.sampled_from([*alone, "--json"]), max_size=2, unique=True),
        st.lists(ODD, max_size=ARGUMENTS.get(command, 0)),
    )
    @example({}, ["--json"], [])
    def run(changed: dict[str, str], extra: list[str], arguments: list[str]) -> None:
        given_here = {**BASE[command], **changed}
        files = [str(tmp_path / "input")] if command in FILES else []
        attempt([command, *(f"--{k}={v}" for k, v in given_here.items()), *extra, "--", *files, *arguments])

    run()


@pytest.mark.parametrize("key", ["stages", "tokens", "deadline", "mfu", "hardware", "config", "devices", "packed", "x"])
def test_any_value_in_a_plan_file_gives_an_answer_or_one_line(key: str, tmp_path: Path) -> None:
    """Numbers, lists, mappings, dates, nulls where text is expected."""
    path = tmp_path / "plan.yaml"
    values = ("", "1", "[]", "[1]", "[{}]", "[{tokens: 1B}]", "{a: 1}", "2026-01-01", "true", ".nan", ".inf", "1e999")
    more = ("-5", "[[]]", "'x'", "!!python/none", "{model_type: gpt2}", "[{tokens: 1B, stages: []}]")
    for value in (*values, *more):
        path.write_text(
            f"model: gpt2\nhardware: h100-sxm\ndevices: 8\nmfu: 0.4\n{key}: {value}\n"
            if key not in ("devices", "mfu", "hardware")
            else f"model: gpt2\n{key}: {value}\n"
        )
        attempt(["plan", "--file", str(path), "--json"])
