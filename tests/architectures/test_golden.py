"""Golden data: parameters and FLOPs of presets and variations, equal to the measured integers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.facts import folder
from mfu_planner.operators import Similarity, Workload

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def entries(name: str) -> list[dict[str, Any]]:
    """Measured models of one golden file."""
    path = GOLDEN / name
    held = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return held["entries"] if isinstance(held, dict) and held else []


ENTRIES = entries("published.json") + entries("variations.json")
if not ENTRIES:
    pytest.skip("no golden data in this checkout", allow_module_level=True)


def config_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The config that was measured: in full, or that of a preset."""
    if "preset" in entry:
        entry = json.loads((folder("model_specs") / f"{entry['preset']}.json").read_text("utf-8"))
    config: dict[str, Any] = entry["config"]
    return config


def workload(entry: dict[str, Any], case: dict[str, Any]) -> Workload:
    """The measured batch; a speech model's own length is its decoder's."""
    length = case.get("target_seq") if entry["kind"] == "speech" else case.get("seq")
    return Workload(
        batch=case["batch"],
        seq_len=length or 0,
        target_seq_len=case.get("target_seq") or 0,
        images=case.get("images") or 0,
    )


@pytest.mark.each("entry", ENTRIES)
def test_equals_the_measured_integers(entry: dict[str, Any]) -> None:
    """Every case of an entry: total, embedding and active parameters, FLOP of both passes."""
    for case in entry["cases"]:
        pixels = case.get("image") if entry["kind"] != "diffusion" else None  # there it is the latent's side
        architecture = from_config(config_of(entry), image_size=pixels)
        counted = model_work(architecture, workload(entry, case))

        assert entry["params"]["total"] == architecture.params
        assert entry["params"]["embedding"] == architecture.embedding_params
        assert entry["params"]["active"] == architecture.active_params
        assert case["flops_total"] == (counted.forward if case["mode"] == "forward" else counted.total)


@pytest.mark.each("entry", ENTRIES)
def test_causal_never_exceeds_full_and_batch_is_linear(entry: dict[str, Any]) -> None:
    """Allowed pairs and published scans only take away; twice the sequences are twice the work.

    A contrastive loss compares every image with every text: its own scores alone grow with the square.
    """
    case = entry["cases"][0]
    architecture = from_config(config_of(entry))
    work = workload(entry, case)
    one, two = (model_work(architecture, replace(work, batch=b)).total for b in (1, 2))
    width = next((op.width for _, op in architecture.each() if isinstance(op, Similarity)), 0)

    assert model_work(architecture, work.allowed()).total <= model_work(architecture, work).total
    assert two - 2 * one == 3 * 2 * width * (4 - 2)
