"""The model of a published row: one reader for every kind, always a config that a user could ask with."""

from __future__ import annotations

import pytest

from mfu_planner import flops
from mfu_planner.backtesting.row_model import counted_model, model_of
from mfu_planner.backtesting.runs import RunRow, Unusable, read_runs
from mfu_planner.backtesting.sources import SourceRule, load_sources, rule_of

DENSE = {
    "id": "own-1",
    "model": "own",
    "hidden": "2048",
    "layers": "36",
    "heads": "16",
    "kv_heads": "4",
    "ffn": "11008",
    "vocab": "128256",
    "tied": "1",
    "seq_len": "4096",
}


def run(**change: str) -> RunRow:
    """The row with some cells changed."""
    return RunRow({**DENSE, **change})


def test_gate_where_three_products_meet_the_stated_parameters() -> None:
    """SmolLM3 3B (its model card): 3,075,098,624 parameters, five hidden sizes wide and gated."""
    assert model_of(run(params="3075098624")).architecture.params == 3_075_098_624


def test_gate_by_the_parameters_where_the_width_says_nothing() -> None:
    """16384 × 128 layers, eight hidden sizes wide: only with a gate do 915B parameters come out."""
    row = run(hidden="16384", layers="128", heads="64", head_dim="256", kv_heads="16", ffn="131072", vocab="", tied="0")
    found = model_of(RunRow({**row.cells, "params": "915000000000"}))
    assert found.config["model_type"] == "llama"
    assert found.architecture.params == pytest.approx(915e9, rel=0.01)


@pytest.mark.parametrize(
    ("model", "ffn", "kind"),
    [
        ("nanotron-1B", "8192", "llama"),
        ("GPT-2 like", "8192", "gpt2"),
        ("Llama-like (non-gated MLP)", "8192", "gpt2"),
        ("own", "8192", "gpt2"),
        ("own", "5504", "llama"),
    ],
)
def test_kind_of_feed_forward(model: str, ffn: str, kind: str) -> None:
    """By name; without a name and without parameters, four hidden sizes are GPT's."""
    assert model_of(run(model=model, kv_heads="16", ffn=ffn)).config["model_type"] == kind


def test_plain_feed_forward_with_grouped_queries_has_a_type_too() -> None:
    """GPT-2 has no grouped queries; Nemotron-4 has: 32 layers as counted by hand."""
    found = model_of(run(model="gpt", ffn="8192", vocab="50000", layers="32"))
    each = 2 * 2048 * (2048 + 512) + 2 * 2048 + 2 * 512 + 2048 * 8192 * 2 + 8192 + 2048 + 4 * 2048
    assert found.config["model_type"] == "nemotron"
    assert found.architecture.params == 32 * each + 2 * 2048 + 50000 * 2048


def test_experts_by_the_notes() -> None:
    """top-2 of 8 experts: the sizes of Mixtral 8x7B give its published 46.7B."""
    sizes = {"hidden": "4096", "layers": "32", "heads": "32", "kv_heads": "8", "ffn": "14336", "vocab": "32000"}
    found = model_of(run(**sizes, tied="0", arch_notes="top-2 of 8"))
    assert found.architecture.params == 46_702_792_704


def test_latent_attention_and_shared_experts_by_the_notes() -> None:
    """DeepSeek-V2 (arXiv:2405.04434, section 3.1.2): 60 layers, 236B parameters."""
    sizes = {"hidden": "5120", "layers": "60", "heads": "128", "kv_heads": "", "ffn": "12288", "vocab": "102400"}
    notes = "MLA; MoE 160 experts top-6, 1 dense layer, expert ffn 1536, shared 3072"
    found = model_of(run(**sizes, tied="0", head_dim="128", arch_notes=notes))
    assert found.architecture.params == pytest.approx(236e9, rel=0.003)


def test_one_layer_is_not_a_model() -> None:
    """Nobody can ask for a single layer: such a row is left out with that reason."""
    with pytest.raises(Unusable, match="single layer"):
        model_of(run(kind="layer_microbench"))


def test_every_kind_reads_the_same_model() -> None:
    """The MFU kind's model of each published row is the step-time kind's, but for what the source's rule names."""
    sources, read = load_sources(), 0
    for row in read_runs():
        rule = rule_of(row, sources)[0] or SourceRule(convention=None, why="")
        if rule.overrides or rule.prediction or rule.ffn_ratio:
            continue
        try:
            counted = counted_model(row, sources, rule)
        except Unusable:
            continue
        assert counted.architecture is model_of(row).architecture
        read += 1
    assert read > 2000


def test_a_user_gets_the_same_model_with_its_flags() -> None:
    """``flops`` with the flags of a row counts the row's parameters."""
    seen: set[tuple[str, str]] = set()
    for row in read_runs():
        key = (row.source, row.text("model"))
        if key in seen:
            continue
        seen.add(key)
        try:
            found = model_of(row)
        except Unusable:
            continue
        lengths = {"seq_len": 1024} if found.architecture.work_unit == "token" else {}
        assert flops(**found.flags, **lengths).params["total"] == found.architecture.params, key
