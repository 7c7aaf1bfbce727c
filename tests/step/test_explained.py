"""A step explained: the numbers are the prediction's, the formulas give them, and every constant has a source."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from mfu_planner import diagnose, memory, predict, search
from mfu_planner.answers.explain import explained_step, lettered_case
from mfu_planner.answers.predict import WATERFALL
from mfu_planner.numeric.letters import Condition, Letter, plain
from mfu_planner.questions.request import read_case
from mfu_planner.step.case import Case
from mfu_planner.step.evaluate import step

LLAMA: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "global_batch": 256}
CASES: list[dict[str, Any]] = [
    LLAMA | {"tp": 4, "pp": 2},
    LLAMA | {"zero": 3, "recompute": "full", "micro_batch": 2},
    LLAMA | {"tp": 2, "cp": 4, "seq_len": 32768, "global_batch": 64},
    LLAMA | {"pp": 8, "vpp": 2, "recompute": "selective", "stack": "megatron-2021"},
    LLAMA | {"pp": 8, "schedule": "dualpipe", "offload": True},
    LLAMA | {"dtype": "fp8", "tp": 8, "sequence_parallel": False},
    LLAMA | {"lora_rank": 16, "zero": 2},
    LLAMA | {"model": "mixtral-8x7b", "ep": 8},
    LLAMA | {"model": "deepseek-v3", "devices": 256, "ep": 64, "pp": 4, "zero": 1},
    LLAMA | {"model": "zamba2-7b", "tp": 2, "seq_len": 4096},
    LLAMA | {"model": "gemma-3-27b", "tp": 8, "seq_len": 16384},
    {"model": "vit-l16", "hardware": "a100-sxm-80gb", "devices": 8, "global_batch": 512, "micro_batch": 64},
    {"model": "resnet-50", "hardware": "a100-sxm-80gb", "devices": 8, "global_batch": 2048, "micro_batch": 256},
]


def case(flags: dict[str, Any]) -> Case:
    """A question, resolved."""
    return read_case(flags)


@pytest.mark.parametrize("flags", CASES, ids=lambda f: f"{f['model']}-{len(f)}-{f.get('tp', 1)}-{f.get('pp', 1)}")
def test_with_letters_the_step_is_the_same_number(flags: dict[str, Any]) -> None:
    """Time, each cause and each kind of bytes: to the last bit what is predicted without letters."""
    asked = case(flags)
    found, traced = step(asked), step(lettered_case(asked))
    assert plain(traced.seconds) == found.seconds
    assert isinstance(traced.seconds, Letter)
    for name, part in found.parts.items():
        assert plain(traced.parts[name]) == pytest.approx(part, rel=1e-9, abs=1e-12 * found.seconds), name
    for name in ("weights", "gradients", "optimizer", "activations", "logits", "other"):
        held = getattr(found.memory, name)
        assert plain(getattr(traced.memory, name)) == pytest.approx(held, rel=1e-12), name


@pytest.mark.parametrize("flags", CASES[:2] + CASES[7:8])
def test_the_numbers_put_in_give_the_value(flags: dict[str, Any]) -> None:
    """The line below each formula, worked out as text: six digits were printed."""
    for each in explained_step(case(flags), WATERFALL).steps:
        worked_out = _evaluate(each.substituted)
        scale = max(abs(each.value), 1e-3 if each.unit == "s" else 0.0)
        assert worked_out == pytest.approx(each.value, rel=2e-3, abs=2e-3 * scale), each.formula


def _evaluate(text: str) -> float:
    """Arithmetic as it is printed for people."""
    small = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    out, raised = "", False
    for character in text:
        is_small = character in "⁰¹²³⁴⁵⁶⁷⁸⁹"
        out += ("**" if is_small and not raised else "") + character.translate(small)
        raised = is_small
    for printed, meant in (
        ("·", "*"),
        ("−", "-"),
        ("^", "**"),
        ("⌈", "ceil("),
        ("⌊", "floor("),
        ("⌉", ")"),
        ("⌋", ")"),
    ):
        out = out.replace(printed, meant)
    return float(eval(out, {"ceil": math.ceil, "floor": math.floor}))


def test_sensitivities_are_what_a_small_change_gives() -> None:
    """Memory bandwidth, and a constant of the stack, moved by a thousandth."""
    asked = case(LLAMA | {"tp": 4, "pp": 2})
    found = {s["name"]: s["exponent"] for s in explained_step(asked, WATERFALL).sensitivities}
    base, tiny = step(asked).seconds, 1e-5

    machine = asked.machine
    rate = machine.bandwidth_bytes_per_s * (1 + tiny)
    faster = replace(
        machine,
        bandwidth_bytes_per_s=rate,
        products=replace(machine.products, bandwidth_bytes_per_s=rate),
        wide_products=replace(machine.wide_products, bandwidth_bytes_per_s=rate),
    )
    slope = (step(replace(asked, machine=faster)).seconds / base - 1) / tiny
    assert found["B"] == pytest.approx(slope, abs=1e-4)
    stack = replace(asked.stack, tensor_exposed=asked.stack.tensor_exposed * (1 + tiny))
    slope = (step(replace(asked, stack=stack)).seconds / base - 1) / tiny
    assert found["tensor_exposed"] == pytest.approx(slope, abs=1e-4)
    exponents = [abs(e) for e in found.values()]
    assert exponents == sorted(exponents, reverse=True)


def test_every_constant_says_where_it_is_from() -> None:
    """Value, unit and source of each letter of the step."""
    how = explained_step(case(LLAMA | {"tp": 4, "pp": 2}), WATERFALL)
    assert {"P", "B", "eta", "tensor_exposed", "activation_factor", "tp", "d"} <= set(how.sources)
    assert all(text.rpartition("; ")[2] for text in how.sources.values())
    assert "https://" in how.sources["P"]
    assert how.sources["d"].startswith("4,096")


def test_answers_explain_themselves_and_hold_no_letter() -> None:
    """Predict, memory and the best row of a search; without the flag nothing is added."""
    flags = LLAMA | {"tp": 4, "pp": 2}
    bare, told = predict(**flags), predict(**flags, explain=True)
    assert bare.steps == ()
    assert bare.step_time_s == told.step_time_s
    by_name = {each.name: each for each in told.steps}
    assert {part["name"] for part in told.waterfall} <= set(by_name)
    assert by_name["mfu"].value == told.mfu
    assert by_name["total_bytes"].value == told.memory["total_bytes"]
    held = memory(**flags, explain=True)
    assert held.steps[0].value == held.total_bytes
    why = diagnose(**LLAMA, tp=4, zero=1, tokens_per_second_per_device=5000, explain=True)
    assert why.steps[0].value == why.predicted_step_time_s
    best = search(**(LLAMA | {"devices": 16, "top": 1}), explain=True)
    assert best.steps[0].value == pytest.approx(best.layouts[0]["step_time_s"], rel=1e-12)
    for answer in (told, held, best, why):
        assert not list(_letters_in(answer.model_dump()))
        assert answer.sensitivities
        json.dumps(answer.as_json())


def _letters_in(value: Any) -> Any:
    if isinstance(value, Letter | Condition):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _letters_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _letters_in(each)


def test_the_terminal_shows_text_and_loads_no_sympy() -> None:
    """Readable formulas, never raw LaTeX."""
    code = (
        "import sys, mfu_planner.cli.main as m\n"
        "asked = 'predict --explain --model gpt2 --hardware h100-sxm --devices 8 --global-batch 64'\n"
        "sys.argv = ['mfu-planner', *asked.split()]\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "sys.exit('sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ideal = F/(dp·P)" in done.stdout
    assert "\\" not in done.stdout
