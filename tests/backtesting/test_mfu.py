"""The MFU back-test: published figures recomputed with the convention of their source."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mfu_planner.backtesting.mfu import mfu_backtest
from mfu_planner.backtesting.runs import RunRow, read_runs
from mfu_planner.backtesting.sources import load_misses, load_sources, rule_of
from mfu_planner.counting.conventions import convention, names
from mfu_planner.errors import InputError


def row(**cells: object) -> RunRow:
    """A run of Llama 2 7B on one H100 node; cells can be changed."""
    usual = {
        "id": "new-1",
        "model": "Llama 2 7B",
        "kind": "layout_bench",
        "hidden": 4096,
        "layers": 32,
        "heads": 32,
        "ffn": 11008,
        "vocab": 32000,
        "tied": 0,
        "seq_len": 4096,
        "hw_key": "h100-sxm",
        "dtype": "bf16",
    }
    return RunRow({k: str(v) for k, v in {**usual, **cells}.items()})


def only(run: RunRow) -> dict[str, Any]:
    """The result of one row."""
    (found,) = mfu_backtest([run])["rows"]
    return dict(found)


@pytest.fixture(scope="session")
def report() -> dict[str, Any]:
    """The back-test over all published runs."""
    return mfu_backtest(read_runs())


def test_figures_to_reach(report: dict[str, Any]) -> None:
    """96% of all rows within half a point, 90% as the mean over sources with five rows or more."""
    total = report["summary"]["all"]

    assert total["n"] > 1600
    assert total["within_half_point"] / total["n"] >= 0.96
    assert total["mean_share_of_sources"] >= 0.90
    assert total["n_sources"] >= 10


def test_every_row_is_answered(report: dict[str, Any]) -> None:
    """A row is either recomputed or says why not; errors follow from the two figures."""
    assert [r["id"] for r in report["rows"]] == [run.id for run in read_runs()]
    for r in report["rows"]:
        if r["skipped"] is None:
            assert r["error"] == pytest.approx(r["predicted"] / r["published"] - 1)
        else:
            assert r["skipped"]
            assert r["error"] is None


def test_every_miss_is_explained(report: dict[str, Any]) -> None:
    """Each miss of our own rows has a reason that somebody found, not the computed one."""
    for miss in report["misses"]:
        assert any(m.covers(miss["id"]) for m in load_misses().misses), miss


def test_plain_formula_by_hand() -> None:
    """PaLM's formula over a stated peak: (6N + 12 L n d T) · rate ÷ peak."""
    found = only(
        row(
            mfu_convention="6N+12LHQT",
            mfu_reported=50,
            params=6.7e9,
            peak_tflops_stated=1000,
            tokens_per_s_per_device=10000,
        )
    )

    assert found["predicted"] == pytest.approx(100 * (6 * 6.7e9 + 12 * 32 * 4096 * 4096) * 1e4 / 1e15)
    assert found["published"] == 50


def test_reported_rate_is_divided_by_the_peak() -> None:
    """TFLOP/s alone become percent of the stated peak; the rate follows from step time, batch and devices."""
    found = only(
        row(
            mfu_convention="causal (half) attention + logits",
            tflops_per_device_reported=400,
            peak_tflops_stated=800,
            step_time_s=2,
            global_batch_seqs=64,
            num_devices=8,
        )
    )
    N = 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 32000 * 4096

    assert found["published"] == 50
    assert found["predicted"] == pytest.approx(100 * (6 * N + 6 * 32 * 4096 * 4096) * (64 * 4096 / 2 / 8) / 8e14)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({}, "no MFU"),
        ({"mfu_reported": 40}, "convention not known"),
        ({"mfu_reported": 40, "mfu_convention": "PaLM"}, "no throughput"),
        (
            {"mfu_reported": 40, "mfu_convention": "PaLM", "tokens_per_s_per_device": 1, "seq_len": ""},
            "sequence length",
        ),
        ({"mfu_reported": 40, "mfu_convention": "PaLM", "tokens_per_s_per_device": 1, "hidden": ""}, None),
        (
            {"mfu_reported": 40, "mfu_convention": "PaLM", "tokens_per_s_per_device": 1, "hw_key": "abacus"},
            "peak of abacus",
        ),
        ({"mfu_reported": 40, "mfu_convention": "PaLM", "tokens_per_s_per_device": 1, "vocab": ""}, None),
        (
            {
                "mfu_reported": 40,
                "mfu_convention": "PaLM",
                "tokens_per_s_per_device": 1,
                "vocab": "",
                "model": "gated MLP",
            },
            "vocabulary",
        ),
        ({"mfu_reported": "high", "mfu_convention": "PaLM"}, "no MFU"),
    ],
)
def test_reasons_to_skip(cells: dict[str, object], reason: str | None) -> None:
    """What is missing is named; a model without dimensions, or with its preset's, is looked up by name."""
    found = only(row(**cells))

    assert (found["skipped"] is None) == (reason is None)
    assert reason is None or reason in found["skipped"]


def test_rules_belong_to_sources_and_kinds_of_run() -> None:
    """Pre-training, fine-tuning and adapters of one source follow different rules; dates and releases pick versions."""
    sources = load_sources()
    nemo = {p: rule_of(row(id="nemo24-x", model=f"LLAMA2-7B{p}"), sources)[0] for p in ("", " (SFT)", " (LoRA)")}
    bloom = {d: rule_of(row(id="bloomp-x", source_date=d), sources)[0] for d in ("2022-02-20", "2022-02-22")}

    assert [r.attends for r in nemo.values() if r] == [None, 150, 150]
    assert [r.convention for r in bloom.values() if r] == ["kaplan", "megatron-2021"]


def test_a_source_is_known_by_its_repository_too() -> None:
    """Rows with other ids follow the repository that they name."""
    rule, _ = rule_of(row(id="x-1", source="github:mosaicml/llm-foundry:README.md@1"), load_sources())

    assert rule is not None
    assert rule.convention == "llm-foundry"


def test_rules_name_conventions_that_exist() -> None:
    """Every rule's convention and switches can be built."""
    sources = load_sources()
    rules = [rule for s in sources.sources for rule in s.mfu] + [t.rule for t in sources.text_rules]
    for rule in rules:
        if rule.convention is not None:
            assert convention(rule.convention, **rule.switches).name in names(versions=True)


def test_hostile_files_are_refused(tmp_path: Any) -> None:
    """No traceback for a file that is no table of runs."""
    for text in ("", "a,b\n1,2\n", "\x00\x00"):
        path = tmp_path / "runs.csv"
        path.write_text(text)
        with pytest.raises(InputError):
            read_runs(path)
    with pytest.raises(InputError):
        read_runs(tmp_path / "none.csv")


def test_garbled_cells_never_raise() -> None:
    """Two hundred rows with senseless cells: each is recomputed or skipped with a reason."""
    draw = random.Random(7)
    runs = read_runs()
    junk = ("", "-1", "0", "nan", "inf", "1e300", "1e18", "abc", "3.5", '"', "1,024")
    garbled = []
    for _ in range(200):
        cells = dict(draw.choice(runs).cells)
        cells.update({name: draw.choice(junk) for name in draw.sample(sorted(set(cells) - {"id"}), 4)})
        garbled.append(RunRow(cells))

    for found in mfu_backtest(garbled)["rows"]:
        assert (found["predicted"] is None) == (found["skipped"] is not None)
