"""Small configs of every model type and head that is known, against what torch counts (tests/golden/types.json)."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config, known_model_types
from mfu_planner.architectures.model import Architecture
from mfu_planner.counting import model_work
from mfu_planner.operators import Scan, Workload

GOLDEN = Path(__file__).parents[1] / "golden"
ROWS: list[dict[str, Any]] = json.loads((GOLDEN / "types.json").read_text("utf-8"))["rows"]


def architecture(row: dict[str, Any], work: dict[str, int]) -> Architecture:
    """The model that the row's config and class describe."""
    config = {**row["config"], "architectures": [row["class"]]}
    return from_config(config, image_size=work.get("image_size"))


def workload(work: dict[str, int]) -> Workload:
    """The measured batch; a speech model's own length is its decoder's."""
    return Workload(
        batch=work["batch"],
        seq_len=work.get("seq_len", work.get("decoder_seq_len", 0)),
        target_seq_len=work.get("target_seq_len", 0),
        images=work.get("images", 0),
        clips=work.get("clips", 0),
    )


def unseen(built: Architecture, work: Workload) -> int:
    """What an indexer saves by leaving out later keys: the library scores all, outside its interface."""
    scores = [(block, op) for block, op in built.each() if op.name == "index_scores"]
    return sum(block.count * int(op.forward_flops(work) - op.forward_flops(work.allowed())) for block, op in scores)


@pytest.mark.each("row", ROWS)
def test_equals_the_measured_integers(row: dict[str, Any]) -> None:
    """Parameters; for each batch the forward pass, both passes, and the forward pass over the allowed pairs.

    The last is measured for attention alone: scans are counted as published there, which no library code does.
    """
    for work, (forward, both, allowed) in zip(row["work"], row["flops"], strict=True):
        built = architecture(row, work)
        counted = model_work(built, workload(work))

        assert built.params == row["params"]
        assert (counted.forward, counted.total) == (forward, both)
        allowed = None if allowed is None else allowed - unseen(built, workload(work))
        if allowed is not None and not any(
            isinstance(op, Scan) or getattr(op, "extra_positions", 0) for _, op in built.each()
        ):
            assert model_work(built, workload(work).allowed()).forward == allowed


def test_names_are_unique() -> None:
    """Two rows never hide behind one name."""
    names = [row["name"] for row in ROWS]

    assert len(set(names)) == len(names)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``script("heads", "--list")``: a script beside the golden data, run here, where torch is imported already."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        pytest.skip("torch and transformers are not installed")
    monkeypatch.syspath_prepend(str(GOLDEN))

    def run(name: str, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", [name, *words])
        return int(importlib.import_module(name).main())

    return run


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore")
@pytest.mark.sampled(70)
def test_every_class_of_a_type_has_a_row(script: Any, sample: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Every head that the library offers for an accepted type is measured, but those named here."""
    script("heads", "--list", "--only", ",".join(sample(known_model_types())))
    refused = {"detr DetrForSegmentation", "beit BeitForSemanticSegmentation"}
    refused |= {"gemma3n Gemma3nModel", "gemma3n Gemma3nForConditionalGeneration"}  # its image tower is timm's
    said = capsys.readouterr().out.split("\n")
    assert set(said) <= {"", *refused, "data2vec-vision Data2VecVisionForSemanticSegmentation"}


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore")
@pytest.mark.sampled(200)
def test_figures_are_what_the_script_measures(script: Any, sample: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Some rows measured again."""
    there = importlib.util.find_spec("diffusers") is not None
    timm = importlib.util.find_spec("timm") is not None
    rows = [row for row in sample(ROWS) if timm or row["name"] != "detr-timm"]
    only = ",".join(row["name"] for row in rows if there or "_class_name" not in row["config"])
    status = script("measure_types", "--only", only, "--check")
    said = capsys.readouterr().out
    assert (status, said.count("as in the file") >= len(only.split(","))) == (0, True), said
