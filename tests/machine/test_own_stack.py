"""A stack of the user's own: its factors reach every answer, and no other question's."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfu_planner import InputError, diagnose, memory, predict, search
from mfu_planner.agent.files import checked
from mfu_planner.hardware import resolve
from mfu_planner.machine.constants import Fabric, LinkRate, Stack
from mfu_planner.machine.multipliers import multiplied, multipliers
from mfu_planner.machine.own_stack import OwnStack, read_stack
from mfu_planner.machine.toolbox import tools

ASKED: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 16, "tp": 2, "global_batch": 64, "zero": 1,
}  # fmt: skip


def own(**constants: float) -> dict[str, Any]:
    """The content of a stack file with these factors on the generic stack."""
    said = {"sd": 0.1, "prior": 0.2, "informed": 0.5}
    return {
        "kind": "stack-calibration",
        "name": "ours",
        "base": "generic",
        "constants": {name: {"times": times, **said} for name, times in constants.items()},
    }


def written(folder: Path, **constants: float) -> str:
    """The same as a file."""
    path = folder / "stack.yaml"
    path.write_text(yaml.safe_dump(own(**constants)))
    return str(path)


def test_factors_name_constants_that_there_are() -> None:
    """A constant that was renamed must be renamed there too."""
    known = {"stack": Stack, "links": LinkRate, "fabric": Fabric}
    for each in multipliers().values():
        assert each.sd > 0
        assert [*each.slower, *each.faster, *each.exposed]
        for constant, _ in each.changes(2.0):
            group, _, name = constant.partition(".")
            assert name in {f.name for f in fields(known[group])}


def test_factors_of_one_change_nothing() -> None:
    """The base's own answer, to the last digit."""
    plain = predict(**ASKED, stack="generic")
    same = predict(**ASKED, stack=own(**dict.fromkeys(multipliers(), 1.0)))
    assert same.step_time_s == plain.step_time_s
    assert memory(**ASKED, stack=own(product=2.0)).total_bytes == memory(**ASKED, stack="generic").total_bytes


def test_a_factor_is_of_time() -> None:
    """Each makes its own constants slower: rates by division, hidden shares by what is left."""
    box, stack, _, _ = tools(resolve("h100-sxm"), "bf16", "generic", None, None)
    stack = replace(stack, data_hidden=0.9)
    slow, slower = multiplied(box, stack, {"product": 3.0, "attention": 2.0, "communication": 4.0, "exposed": 2.0})
    assert slower.product_factor == 3.0 * stack.product_factor
    assert slower.attention_fraction == stack.attention_fraction / 2.0
    assert slow.fabric.nic_bytes_per_s == box.fabric.nic_bytes_per_s / 4.0
    assert slow.links["alltoall"].bandwidth_bytes_per_s == box.links["alltoall"].bandwidth_bytes_per_s / 4.0
    assert slower.data_hidden == pytest.approx(1 - 0.2)
    assert multiplied(box, replace(stack, data_hidden=0.2), {"exposed": 9.0})[1].data_hidden == 0.0


def test_narrow_products_alone_have_a_factor_of_their_own() -> None:
    """In bf16 it changes nothing."""
    asked = ASKED | {"stack": own(narrow=1.5)}
    assert predict(**asked).step_time_s == predict(**ASKED, stack="generic").step_time_s
    assert predict(**asked, dtype="fp8").step_time_s > predict(**ASKED, stack="generic", dtype="fp8").step_time_s


def test_every_part_is_slower_by_its_factor() -> None:
    """Attention twice as slow adds exactly its own time once more, and nothing else changes."""
    single = ASKED | {"devices": 1, "tp": 1, "global_batch": 4, "zero": 0}
    before = {p["name"]: p["seconds"] for p in predict(**single, stack="generic").waterfall}
    after = {p["name"]: p["seconds"] for p in predict(**single, stack=own(pointwise=2.0)).waterfall}
    assert after["pointwise"] == pytest.approx(2 * before["pointwise"])
    rest = set(before) - {"pointwise"}
    assert {n: after[n] for n in rest} == pytest.approx({n: before[n] for n in rest})


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    """An edit is seen; the same content elsewhere is the same stack; a known name never meets a file's cache."""
    path = written(tmp_path, product=1.5)
    first = predict(**ASKED, stack=path).step_time_s
    twin = tmp_path / "other.yaml"
    twin.write_text(Path(path).read_text())
    assert predict(**ASKED, stack=str(twin)).step_time_s == first
    written(tmp_path, product=1.1)
    assert predict(**ASKED, stack=path).step_time_s < first
    assert predict(**ASKED, stack=str(twin)).step_time_s == first
    assert predict(**ASKED, stack="generic").step_time_s < predict(**ASKED, stack=path).step_time_s
    one, two = (read_stack(p) for p in (path, str(twin)))
    assert isinstance(one, OwnStack)
    assert one != two
    assert len({one, two, read_stack(path)}) == 2


def test_every_question_takes_it(tmp_path: Path) -> None:
    """Search rows carry it, so that predict repeats them; the diagnosis expects what predict says."""
    path = written(tmp_path, product=1.5, host=3.0)
    found = search(**{k: v for k, v in ASKED.items() if k not in ("tp", "zero")}, stack=path, top=1)
    best = found.layouts[0]
    assert best["question"]["stack"] == path
    assert predict(**best["question"]).step_time_s == pytest.approx(best["step_time_s"], rel=1e-9)
    expected = predict(**ASKED, stack=path).mfu
    said = diagnose(**ASKED, stack=path, mfu=0.2, recompute="none", micro_batch=1)
    assert said.predicted_mfu == pytest.approx(expected, rel=1e-9)


def test_its_range_is_the_answers(tmp_path: Path) -> None:
    """What the calibration says of itself stands around the prediction."""
    seen = {
        "runs": 5, "loo_median": 0.09, "loo_rms": 0.1, "range": {"low": 0.85, "high": 1.25}, "models": 2,
        "formats": ["bf16"], "seq_len": [2048, 8192], "devices": [8, 64], "params": [1e9, 8e9],
    }  # fmt: skip
    found = predict(**ASKED, stack=own(product=1.1) | {"evidence": seen})
    assert found.range["low"] == pytest.approx(0.85 * found.step_time_s)
    assert found.range["high"] == pytest.approx(1.25 * found.step_time_s)
    assert "5 own runs" in found.range["basis"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: stack-calibration\nname: x\nbase: nowhere\nconstants: {}\n", "base: got 'nowhere'"),
        ("kind: other\nname: x\nbase: generic\nconstants: {}\n", "kind"),
        ("name: [1\n", "strict YAML"),
        (json.dumps(own(speed=2.0)), "constants: got 'speed'"),
        (json.dumps(own(product=0.0)), "greater than"),
        (json.dumps(own(product=2.0)).replace("2.0", "NaN"), "constants.product.times"),
        (json.dumps(own() | {"switches": {"product_factor": 1}}), "switches: got 'product_factor'"),
        (json.dumps(own() | {"machine": "ab" * 32}), "machine: got 'none'"),
    ],
)
def test_a_broken_file_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    """It names the key, and what is accepted."""
    path = tmp_path / "stack.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"stack\.yaml|machine") as error:
        predict(**ASKED, stack=str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_that_is_none_is_refused() -> None:
    """With the nearest names, and the word that a file would do."""
    with pytest.raises(InputError, match=r"stack: got 'megatron-2027'.*stack\.yaml.*nearest: megatron-202"):
        predict(**ASKED, stack="megatron-2027")
    with pytest.raises(InputError, match=r"stack: got .*nothere\.yaml"):
        predict(**ASKED, stack="nothere.yaml")


def test_a_caller_from_outside_names_no_file(tmp_path: Path) -> None:
    """Below the server's folder alone; a name on file passes."""
    assert checked({"stack": "megatron-2024"}, None) == {"stack": "megatron-2024"}
    with pytest.raises(InputError, match="stack"):
        checked({"stack": "/etc/ours.yaml"}, tmp_path)
