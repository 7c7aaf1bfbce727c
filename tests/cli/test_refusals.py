"""Refusals of every kind: one line on stderr that names the field, what was given, what is accepted, the nearest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfu_planner.cli.main import main
from mfu_planner.cli.output import emit

Capture = pytest.CaptureFixture[str]
SMALL = ["--model", "gpt2", "--hardware", "h100-sxm"]


def refused(args: list[str], capsys: Capture) -> tuple[int, str]:
    """Exit status and the one line on stderr."""
    with pytest.raises(SystemExit) as caught:
        main(args)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return int(caught.value.code or 0), err


def answer(args: list[str], capsys: Capture) -> dict[str, object]:
    """The JSON object of a command that succeeds."""
    main([*args, "--json"])
    got: dict[str, object] = json.loads(capsys.readouterr().out)
    return got


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["plan", "--modle", "gpt2"], ["flag", "--modle", "nearest: --model"]),
        (["plan", "--tokens"], ["tokens", "nothing"]),
        (["plan", "--json=3"], ["json", "without a value"]),
        (["plan", "tokens/s"], ["argument", "tokens/s", "quoted"]),
        (["memory", "--zero", "7"], ["zero", "'7'", "0, 1, 2, 3"]),
        (["app", "--port", "x"], ["port", "'x'", "65535"]),
        (["hardware", "--template", "clutser"], ["template", "nearest: cluster"]),
        (["log"], ["FILE", "nothing"]),
        (["hardware", "--vendor", "nvidea"], ["vendor", "nearest: NVIDIA"]),
        (["models", "--family", "lama"], ["family", "nearest"]),
        (["flops", "--model", "gpt2", "--image-size", "224"], ["image-size", "224"]),
        (["flops", "--model", "gpt2", "--images", "2"], ["images", "2"]),
        (["flops", "--model", "gpt2", "--freeze", "atention"], ["freeze", "nearest: attention"]),
        (["flops", "--model", "gpt2", "--lora-rank", "4", "--lora-targets", "q"], ["lora-targets"]),
        (["flops", "--model", "gpt2", "--packed", "9999:1"], ["packed", "9999"]),
        (["plan", *SMALL, "--tokens", "1B", "--mfu", "40%", "--devices", "8", "--as-of", "2026-13"], ["as-of"]),
        (["plan", *SMALL, "--tokens", "1B", "--mfu", "40%", "--devices", "8 cores"], ["devices", "8 cores"]),
        (["plan", "--model", "gpt2", "--peak", "1 PFLOP/s", "--budget", "1k", "--mfu", "0.4", "--devices", "1"],
         ["budget", "--price"]),
        (["plan", *SMALL, "--tokens", "1e300", "--mfu", "1e-99", "--devices", "1"], ["values"]),
    ],
)  # fmt: skip
def test_what_the_user_gave_is_named(args: list[str], words: list[str], capsys: Capture) -> None:
    """Typos, missing values, impossible parts: exit 2."""
    status, line = refused(args, capsys)

    assert status == 2
    for word in words:
        assert word in line


def test_a_contradiction_names_both_sides_and_by_how_much(capsys: Capture) -> None:
    """1M tokens/s on 2,048 devices is not 400 tokens/s for each: 22% apart."""
    status, line = refused(
        ["mfu", *SMALL, "--tokens-per-second", "1M", "--devices", "2048", "--tokens-per-second-per-device", "400"],
        capsys,
    )

    assert status == 2
    assert "--tokens-per-second-per-device 400" in line
    assert "--devices 2,048" in line
    assert "819,200" in line
    assert "22.07% apart" in line


@pytest.mark.parametrize("limit", [["--budget", "10k"], ["--budget", "10k", "--deadline", "30d"]])
def test_a_budget_that_no_number_of_devices_meets_is_no_answer(limit: list[str], capsys: Capture) -> None:
    """The cost of a run does not depend on its devices: too little money is exit 1, whatever else is asked."""
    args = ["plan", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--tokens", "1T", "--mfu", "40%"]
    status, line = refused([*args, "--price", "3", *limit], capsys)

    assert status == 1
    assert "budget" in line


def test_device_hours_need_no_devices_and_a_budget_stays_a_limit(capsys: Capture) -> None:
    """Tokens and MFU say the device-hours on any number of devices; a budget below them cannot be met."""
    args = [
        "plan",
        "--model",
        "llama-3.1-8b",
        "--hardware",
        "h100-sxm",
        "--tokens",
        "1T",
        "--mfu",
        "40%",
        "--price",
        "3",
    ]
    on_any, on_64 = answer(args, capsys), answer([*args, "--devices", "64"], capsys)

    assert on_any["device_hours"] == pytest.approx(on_64["device_hours"])
    assert on_any["cost_usd"] == pytest.approx(on_64["cost_usd"])
    assert "no --devices" in str(on_any["warnings"])
    assert "devices" not in str(on_any["solved_for"])
    assert answer([*args, "--budget", "1M"], capsys)["device_hours"] == pytest.approx(on_64["device_hours"])
    assert refused([*args, "--budget", "1k"], capsys)[0] == 1
    assert answer([*args, "--budget", "1M", "--deadline", "30d"], capsys)["devices"] == 64


def test_a_stage_is_named_and_flags_win_over_stages(tmp_path: Path, capsys: Capture) -> None:
    """A misspelt key of the second stage; --devices for all stages."""
    path = tmp_path / "plan.yaml"
    body = "model: gpt2\nhardware: h100-sxm\nmfu: 40%\nstages:\n- {tokens: 1B, devices: 8}\n- {tokens: 2B, "
    path.write_text(body + "device: 8}\n")
    assert "stages[2]" in refused(["plan", "--file", str(path)], capsys)[1]

    path.write_text(body + "devices: 16, global_batch: 512}\n")
    assert answer(["plan", "--file", str(path), "--devices", "32"], capsys)["devices"] == 32
    path.write_text("model: gpt2\nhardware: h100-sxm\nmfu: 40%\ntokens: 1B\ndeadline: 30\n")
    assert "30d" in refused(["plan", "--file", str(path)], capsys)[1]


def test_json_has_null_and_a_warning_where_a_value_is_no_number(capsys: Capture) -> None:
    """JSON knows neither NaN nor infinity."""
    emit({"a": float("nan"), "b": [1.0, {"c": float("inf")}], "warnings": ["before"]}, True, lambda _: None)
    got = json.loads(capsys.readouterr().out)

    assert (got["a"], got["b"]) == (None, [1.0, {"c": None}])
    assert got["warnings"] == ["before", "a, b[1].c: beyond any number, so null"]


@pytest.mark.parametrize(
    ("args", "close"),
    [
        (["predict", *SMALL, "--bf16"], "nearest: --dtype bf16"),
        (["plan", *SMALL, "--fp8"], "nearest: --dtype fp8"),
        (["memory", "--params", "7B", "--hardware", "h100-sxm"], "nearest: --model, --config"),
        (["mfu", *SMALL, "--mfu", "41%"], "nearest: --reported-mfu"),
        (["memory", *SMALL, "--qlora"], "nearest: --lora-rank, --base-dtype"),
        (["predict", *SMALL, "--batch-size", "4"], "nearest: --global-batch, --micro-batch"),
        (["plan", *SMALL, "--mfu", "40"], "nearest: 40%"),
    ],
)
def test_a_flag_that_people_try_names_the_one_that_says_it(args: list[str], close: str, capsys: Capture) -> None:
    """A format is a flag in other tools; parameters alone have no layers; a log's MFU is a claim."""
    assert close in refused(args, capsys)[1]
