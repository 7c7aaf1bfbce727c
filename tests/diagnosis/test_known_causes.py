"""Public threads whose cause became known: right, or open with the measurement that decides; never misled."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mfu_planner import diagnose
from mfu_planner.diagnosis.cases import published, threads
from mfu_planner.diagnosis.cases.threads import Thread, flags_of, judged, rows
from mfu_planner.diagnosis.cases.traced import PRODUCT, Writer
from mfu_planner.diagnosis.render import render
from mfu_planner.errors import InputError

ROWS = {row["id"]: row for row in rows()}

pytestmark = pytest.mark.xdist_group("known causes")  # what the fixture works out is worked out once


@pytest.fixture(scope="session")
def asked() -> list[Thread]:
    """Every thread, with what its poster knew."""
    return threads.threads()


def test_right_or_honest(asked: list[Thread]) -> None:
    """At least 35 of 38, and no wrong cause is stated with confidence."""
    passed = [t for t in asked if t.right or t.honest]
    assert len(asked) == 38
    assert len(passed) >= 35, [(t.id, t.answer) for t in asked if t not in passed]
    assert [t.id for t in asked if t.misled] == []


def test_right_more_often_than_open(asked: list[Thread]) -> None:
    """Silence is no diagnosis: in most threads the evidence is enough to name the cause."""
    assert sum(t.right for t in asked) >= 23


def test_gains_beat_the_control(asked: list[Thread]) -> None:
    """The first action's gain is near the published one more often than "observed ÷ predicted time"."""
    told = [t for t in asked if t.speedup is not None]
    assert sum(bool(t.near(t.predicted)) for t in told) > sum(bool(t.near(t.control)) for t in told)


def test_without_the_framework_nobody_is_misled() -> None:
    """Every second thread, and nobody says which framework it was."""
    found = [judged(row, framework=None) for row in list(ROWS.values())[::2]]
    assert [t.id for t in found if t.misled] == []
    assert sum(t.right or t.honest for t in found) >= 13


@pytest.mark.parametrize("name", sorted(ROWS)[::2])
def test_first_cause_and_first_action_belong_together(name: str) -> None:
    """An open cause begins with a measurement; a named one with what cures or decides it, fixes by gain."""
    found = diagnose(**flags_of(ROWS[name]["flags"]))
    _consistent(found)


@pytest.mark.parametrize("row", published.pairs(), ids=lambda row: row["id"])
def test_the_same_of_published_pairs(row: dict[str, str]) -> None:
    """Sixty runs of other people, measured before they changed one thing."""
    _consistent(diagnose(**published.flags_of(row)))


def _consistent(found: Any) -> None:
    kinds = ("measure", "fix", "other-hardware", "changes-the-experiment")
    assert {a.kind for a in found.actions} <= set(kinds)
    fixes = [a for a in found.actions if a.kind == "fix" and a.fits is not False]
    assert [a.gain for a in fixes] == sorted((a.gain for a in fixes), reverse=True)
    order = [0 if a.kind == "measure" else 1 if a in fixes else 2 for a in found.actions]
    assert order == sorted(order)
    if found.first_cause == "unexplained":
        assert found.actions[0].kind == "measure"
        assert found.confidence == "low"
        assert found.answer.startswith(("Nothing known explains", "As described"))
    sure = {"high": "It is ", "medium": "It is probably", "low": "It may be"}
    if found.first_cause not in (None, "unexplained") and not found.answer.startswith("As described"):
        assert found.answer.startswith(sure[found.confidence]), (found.answer, found.confidence)


def test_a_missing_batch_decides() -> None:
    """One micro-batch on 4 stages: 3/4 of the time is bubble (Narayanan et al. 2021, section 2.2); it is asked for."""
    found = diagnose(**flags_of(ROWS["pipeline"]["flags"]))
    assert found.first_cause == "pipeline-bubble"
    assert "--global-batch" in found.actions[0].change
    told = diagnose(**{**flags_of(ROWS["pipeline"]["flags"]), "global_batch": 16})
    bubble = next(g.share for g in told.gap if g.part == "bubble")
    busy = 1 - bubble - sum(g.share for g in told.gap if g.part in ("data_parallel", "optimizer", "stage_imbalance"))
    assert bubble / (bubble + busy) == pytest.approx(3 / 4, abs=0.08)


def test_what_cannot_fit_is_said_first() -> None:
    """70.6e9 parameters × 16 bytes of mixed-precision Adam (18 with gradients of 32 bits) ÷ 8 devices, on 80 GiB."""
    found = diagnose(model="llama-3-70b", hardware="a100-sxm-80gb", devices=8, zero=3, micro_batch=1, mfu="20%")
    assert found.findings[0].code == "layout/does-not-fit"
    said = float(found.answer.split("alone take ")[1].split(" GiB")[0])
    assert 70.55e9 * 16 / 8 / 2**30 - 1 < said < 70.55e9 * 18.5 / 8 / 2**30
    assert found.actions[0].kind == "measure"


def test_padding_is_a_cause() -> None:
    """45.4k real tokens/s × 1.93 s of 256 × 4,096: 8.4% real, so 91.6% padding (NovaSky-AI/SkyRL#1734)."""
    found = diagnose(**{**flags_of(ROWS["skyrl-padding"]["flags"]), "step_time": "1.93s"})
    assert found.first_cause == "padding"
    assert found.confidence == "high"
    share = next(g.share for g in found.gap if g.part == "padding")
    assert share == pytest.approx(1 - 45_400 * 1.93 / (256 * 4096))
    assert found.mfu + sum(g.share for g in found.gap) == pytest.approx(1.0, abs=1e-12)
    said = diagnose(**flags_of(ROWS["skyrl-padding"]["flags"]), padding=share)
    assert next(g.share for g in said.gap if g.part == "padding") == pytest.approx(share)


def test_a_loader_with_nothing_to_do_is_no_suspect() -> None:
    """1,750 tokens/s a device is 7 kB/s of text: no worker is needed for that, and none is blamed."""
    given = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "zero": 3, "micro_batch": 1}
    slow = diagnose(**given, tokens_per_second_per_device=1200, loader_workers=0, search=False)
    assert slow.first_cause != "data-loading"
    assert all(a.cause != "data-loading" for a in slow.actions)


def test_workers_by_arithmetic() -> None:
    """400 images/s of 20 ms each keep 8 processes busy; with half as many again 12, and 110 kB each are 44 MB/s."""
    found = diagnose(
        model="resnet-50", hardware="a100-sxm-80gb", devices=8, tokens_per_second_per_device=400, loader_workers=1,
        gpu_utilisation="40%", sample_time="20ms", sample_size="110 kB",
    )  # fmt: skip
    assert found.first_cause == "data-loading"
    cure = next(a.change for a in found.actions if a.cause == "data-loading")
    assert "12 per device" in cure
    assert "44 MB/s" in cure
    assert "352 a node" in cure


def test_an_mfu_above_one_is_explained() -> None:
    """As ``mfu`` does: an error with its likely reasons, no cause and no cure."""
    found = diagnose(model="llama-3.1-8b", hardware="h100-sxm", devices=8, mfu="120%")
    assert found.mfu == pytest.approx(1.2)
    assert found.findings[0].severity == "error"
    assert found.actions == ()
    assert found.gap == found.waterfall == ()


@pytest.mark.parametrize("more", [{"mfu": "130%"}, {"tokens_per_second_per_device": 40_000, "loader_wait": "20%"}])
def test_a_time_that_cannot_be_is_not_divided(more: dict[str, Any]) -> None:
    """Of an MFU above 100% no share is left: none is drawn below nothing, and no evidence is blamed for it."""
    found = diagnose(model="llama-3.1-8b", hardware="h100-sxm", devices=8, **more)
    shown = StringIO()
    render(found, Console(file=shown, width=100))
    assert found.waterfall == found.gap == ()
    assert not [f for f in found.findings if f.code == "evidence/contradiction"]
    assert "-" not in "".join(re.findall(r"\S+%", shown.getvalue()))


def test_losses_that_overlap_are_called_so() -> None:
    """45% of the peak, 40% waiting for data and half of the rest for the slowest rank are more than there is."""
    found = diagnose(
        model="llama-3.1-8b", hardware="h100-sxm", devices=8, mfu="45%", loader_wait="40%", gpu_utilisation="60%",
        slowest_rank=2.0,
    )  # fmt: skip
    assert [g.name for g in found.waterfall if g.share < 0][-1] == "counted twice: losses that overlap"


def test_money_of_each_cure() -> None:
    """A cure that saves s of the time saves s of 64 devices × $2 × 24 hours a day."""
    found = diagnose(
        model="llama-3.1-8b", hardware="h100-sxm", devices=64, zero=3, micro_batch=1, compile=True, price=2.0,
        tokens_per_second_per_device=5200, loader_wait="40%", search=False,
    )  # fmt: skip
    for action in found.actions:
        assert action.saves_usd_per_day == pytest.approx(action.saves_share * 64 * 2 * 24)


def test_a_healthy_run_is_called_healthy() -> None:
    """An 8B model on 64 H100 at 46%, where similar runs reach 45%: nothing stands out."""
    found = diagnose(
        model="llama-3.1-8b", hardware="h100-sxm", devices=64, seq_len=8192, zero=3, micro_batch=1, mfu="46.2%"
    )
    assert found.first_cause is None
    assert found.answer.startswith("Nothing stands out")


def test_full_precision_kernels_are_named(tmp_path: Path) -> None:
    """Half the time in sgemm on an A100: TF32's peak is 8 times fp32's (156 ÷ 19.5), so 7/8 of it would go."""
    writer = Writer()
    for _ in range(40):
        writer.kernel(600, "ampere_sgemm_128x64_tn")
        writer.kernel(600, PRODUCT)
    found = diagnose(trace=writer.save(tmp_path), hardware="a100-sxm-80gb")
    assert found.first_cause == "kernels"
    assert found.actions[0].change.startswith("TF32")
    assert found.actions[0].speedup == pytest.approx(1 / (1 - 0.5 * (1 - 19.5 / 156)), rel=0.02)


def test_devices_and_formats_that_do_not_go_together() -> None:
    """FlashAttention does not run on Volta; a T4 has no matrix units for bf16 and computes it as fp32."""
    old = diagnose(
        model="gpt2-medium", hardware="v100-sxm-32gb", devices=8, dtype="fp16", micro_batch=4, global_batch=32,
        step_time="0.8s",
    )  # fmt: skip
    assert any("unfused attention" in line for line in old.assumptions)
    emulated = diagnose(
        model="bert-large", hardware="t4", devices=1, dtype="bf16", micro_batch=8, global_batch=8, seq_len=512,
        step_time="1.5s",
    )  # fmt: skip
    assert emulated.peak_flops_per_s == 8.1e12
    assert emulated.first_cause == "kernels"
    assert emulated.actions[0].change.startswith("fp16")


def test_recomputed_modules_are_a_share_of_the_layer() -> None:
    """Llama 3.1 8B: an MLP has 3 · 4096 · 14336 weights, attention 41.9M and its scores; their shares of a layer."""
    given = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "zero": 3, "micro_batch": 1, "mfu": "35%"}
    mlp, projections, scores = 3 * 4096 * 14336, 2 * 4096 * 4096 + 2 * 4096 * 1024, 2 * 4096 * (8192 + 1) / 2
    found = diagnose(**given, seq_len=8192, recompute_modules="mlp", search=False)
    share = mlp / (mlp + projections + scores)
    assert any(f"mlp: {share:.0%} of a layer's" in line for line in found.assumptions), found.assumptions
    only = diagnose(**given, seq_len=8192, recompute_modules="core_attn", search=False)
    same = diagnose(**given, seq_len=8192, recompute="selective", search=False)
    assert only.predicted_step_time_s == same.predicted_step_time_s
    with pytest.raises(InputError, match="recompute-modules"):
        diagnose(**given, recompute_modules="everything")


def test_goodput_gives_time_back_and_no_mfu() -> None:
    """Interruptions cost the wall clock: fixing 60% of the 30% lost is 1 ÷ (1 − 0.18), and steps stay as fast."""
    found = diagnose(model="llama-3.1-70b", hardware="h100-sxm", devices=64, zero=3, mfu="33%", goodput="70%")
    assert found.first_cause == found.actions[0].cause == "goodput"
    assert found.actions[0].speedup == pytest.approx(1 / (1 - 0.6 * 0.3))
    assert found.actions[0].predicted_mfu is None


def test_what_was_assumed_is_no_advice() -> None:
    """Recomputation that the memory made us assume is not offered as a thing to leave."""
    found = diagnose(model="llama-3.1-70b", hardware="h100-sxm", devices=32, seq_len=4096, zero=3, mfu="35%")
    assert any("recompute full: the fastest that fits" in line for line in found.assumptions)
    assert all("recomputation" not in a.change for a in found.actions if a.kind == "fix")


def test_compiling_says_which_layers_it_fuses() -> None:
    """Llama's gated activation reads two tensors of 14,336 and writes one: 43,008 of 106,496 elements and more."""
    found = diagnose(
        model="llama-3.1-8b", hardware="h100-sxm", devices=8, zero=3, micro_batch=2, eager=True, framework="torchtitan",
        tokens_per_second_per_device=5000, search=False,
    )  # fmt: skip
    change = next(a.change for a in found.actions if a.change.startswith("torch.compile (JAX"))
    assert ": fuses activation (" in change
    share = int(change.split("activation (")[1].split("%")[0]) / 100
    gate, residuals, norms, rotary = 3 * 14336, 2 * 3 * 4096, 2 * 2 * 4096, 2 * (4096 + 1024)
    assert share == pytest.approx(gate / (gate + residuals + norms + rotary), abs=0.06)


def test_the_network_of_a_node_is_said_as_people_know_it() -> None:
    """10 Gb/s of Ethernet for 8 devices is 10e9 ÷ 8 bits ÷ 8 devices each; stated, nothing has to be asked."""
    given = flags_of(ROWS["lf-zero3-ethernet"]["flags"])
    found = diagnose(**given, node_network="10 Gb/s")
    assert found.predicted_step_time_s == diagnose(**given, nic=f"{10e9 / 8 / 8} B/s").predicted_step_time_s
    assert found.first_cause == "communication"
    assert found.actions[0].kind == "fix"


def test_nothing_but_padding_is_refused() -> None:
    """Where every token is padding, no token is left to be trained on."""
    with pytest.raises(InputError, match="below 100%"):
        diagnose(model="llama-3.1-8b", hardware="h100-sxm", devices=8, mfu="20%", padding="100%")
