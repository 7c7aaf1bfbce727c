"""Step time of the same published rows by this planner, by Calculon, by llm-analysis, and by one constant MFU.

    python benchmarks/accuracy_beside_peers.py [--calculon PATH] [--llm-analysis PATH] [--runs FILE.csv]

PATH is a checkout of the peer; without it the peer is skipped with a reason.  Peers see the rows that they can
express: A100,
multi-head attention, plain MLP of four times the width, 16 bits (Calculon), and any dense layout
(llm-analysis, with the
efficiency of 0.5 that its documentation uses).  "Constant" is one MFU fitted in hindsight to the very rows.
Printed: rows, mean
and median absolute error by source.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import statistics
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.judging import Judged, by_source, judged
from mfu_planner.backtesting.runs import read_runs
from mfu_planner.step.flops import flops_per_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Peer = "Callable[[Judged], float | None]"


def expressible(row: Judged) -> bool:
    """Whether Calculon can state the row: plain GPT on A100, whole micro-batches, layers that the stages divide."""
    c = row.case
    layers, hidden = c.architecture.layers, c.architecture.hidden
    plain = sum(op.outputs for _, op in c.architecture.each() if op.name == "up_proj") == 4 * hidden
    return (
        plain
        and c.accelerator.id.startswith("a100")
        and c.dtype == "bf16"
        and c.cp == c.ep == 1
        and c.zero <= 1
        and layers % c.pp == 0
        and c.seq_len % c.tp == 0
        and c.global_batch == c.dp * c.micro_batch * c.micro_batches
    )


def calculon(path: Path) -> Callable[[Judged], float | None]:
    """A function that asks Calculon for the step time of a row."""
    sys.path.insert(0, str(path))
    from calculon.llm import Llm  # type: ignore[import-not-found]
    from calculon.system import System  # type: ignore[import-not-found]

    system = json.loads((path / "systems/a100_80g.json").read_text("utf-8"))
    system["mem1"]["GiB"] = 10_000  # the row ran: its memory is no question here
    log = logging.getLogger("calculon")
    log.setLevel(logging.CRITICAL)

    def ask(row: Judged) -> float | None:
        if not expressible(row):
            return None
        c = row.case
        attention = next(op for _, op in c.architecture.each() if op.name == "attention")
        application = {
            "hidden": c.architecture.hidden,
            "feedforward": 4 * c.architecture.hidden,
            "seq_size": int(c.seq_len),
            "attn_heads": attention.heads,
            "attn_size": attention.qk_dim,
            "num_blocks": c.architecture.layers,
            "name": "row",
        }
        inside = c.tp <= c.node
        execution = {
            "num_procs": int(c.devices),
            "tensor_par": int(c.tp),
            "pipeline_par": int(c.pp),
            "data_par": int(c.dp),
            "tensor_par_net": 0 if inside else 1,
            "pipeline_par_net": 0 if c.devices <= c.node else 1,
            "data_par_net": 0 if c.devices <= c.node else 1,
            "batch_size": int(c.global_batch),
            "microbatch_size": int(c.micro_batch),
            "datatype": "float16",
            "fused_activation": True,
            "attention_type": "multihead",
            "activation_recompute": ("none", "attn_only", "full")[int(c.recompute)],
            "pipeline_interleaving": int(c.vpp),
            "optimizer_sharding": bool(c.zero and c.dp > 1),
            "tensor_par_comm_type": "rs_ag" if c.sequence_parallel and c.tp > 1 else "ar",
            "tensor_par_overlap": "none",
            "seq_par_ag_redo": False,
            "data_par_overlap": False,
            "weight_offload": False,
            "activations_offload": False,
            "optimizer_offload": False,
            "training": True,
        }
        try:
            model = Llm(Llm.Application(application), log)
            model.compile(
                System(system, log) if _takes_log(System) else System(system), Llm.Execution.from_json(execution)
            )
            model.run(System(system, log) if _takes_log(System) else System(system))
            return float(model.get_total_time())
        except (Llm.Error, AssertionError):
            return None

    return ask


def _takes_log(kind: Any) -> bool:
    import inspect

    return len(inspect.signature(kind.__init__).parameters) > 2


def llm_analysis(path: Path) -> Callable[[Judged], float | None]:
    """A function that asks llm-analysis for the step time of a row, at the FLOPs efficiency of its documentation."""
    sys.path.insert(0, str(path))
    from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis  # type: ignore[import-not-found]
    from llm_analysis.config import ModelConfig, ParallelismConfig, get_dtype_config_by_name, get_gpu_config_by_name  # type: ignore[import-not-found]

    names = {"a100-sxm-80gb": "a100-sxm-80gb", "a100-sxm-40gb": "a100-sxm-40gb", "h100-sxm": "h100-sxm-80gb"}
    logging.disable(logging.CRITICAL)

    def ask(row: Judged) -> float | None:
        c = row.case
        if c.accelerator.id not in names or c.dtype != "bf16" or c.cp > 1 or c.ep > 1 or c.adapters:
            return None
        attention = next(op for _, op in c.architecture.each() if op.name == "attention")
        gated = any(op.name == "gate_proj" for _, op in c.architecture.each())
        up = next((op for _, op in c.architecture.each() if op.name == "up_proj"), None)
        if up is None:
            return None
        config = ModelConfig(
            name="row",
            num_layers=c.architecture.layers,
            n_head=attention.heads,
            hidden_dim=c.architecture.hidden,
            vocab_size=c.architecture.vocab,
            max_seq_len=int(c.seq_len),
            num_key_value_heads=attention.kv_heads,
            ffn_embed_dim=up.outputs,
            mlp_gated_linear_units=gated,
        )
        parallel = ParallelismConfig(
            tp_size=int(c.tp), pp_size=int(c.pp), dp_size=int(c.dp), sp_size=int(c.tp) if c.sequence_parallel else 1
        )
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                analysis = LLMAnalysis(
                    config,
                    get_gpu_config_by_name(names[c.accelerator.id]),
                    get_dtype_config_by_name("w16a16e16"),
                    parallel,
                    flops_efficiency=0.5,
                )
                said = analysis.training(
                    batch_size_per_gpu=int(c.micro_batch),
                    gradient_accumulation_steps=int(c.micro_batches),
                    global_batch_size=int(c.global_batch),
                    seq_len=int(c.seq_len),
                    activation_recomputation=(
                        ActivationRecomputation.FULL if c.recompute >= 2 else ActivationRecomputation.NONE
                    ),
                    ds_zero=DSZeRO(int(c.zero)),
                    flash_attn=True,
                )
            return float(said["latency_per_iter"])
        except (AssertionError, ValueError, KeyError, TypeError, ZeroDivisionError):
            return None

    return ask


def constant(rows: Sequence[Judged]) -> dict[str, float]:
    """Step times under one MFU chosen in hindsight for these rows."""
    ideal = {
        r.run.id: flops_per_sequence(r.case.architecture, int(r.case.seq_len))
        * r.case.global_batch
        / (r.case.devices * r.case.accelerator.peak_flops_per_s("bf16"))
        for r in rows
    }
    mfu = statistics.median(ideal[r.run.id] / r.published for r in rows)
    return {name: value / mfu for name, value in ideal.items()}


def compare(rows: Sequence[Judged], peers: dict[str, Callable[[Judged], float | None]]) -> None:
    """Print errors by source for every predictor, on the rows that each can express."""
    print(f"{'source':16}{'predictor':18}{'rows':>6}{'mean':>9}{'median':>9}   the planner on the same rows")
    for name, group in by_source(rows).items():
        answers: dict[str, dict[str, float]] = {}
        if all("bf16" in r.case.accelerator.peak for r in group):
            answers["constant"] = constant(group)
        for peer, ask in peers.items():
            answers[peer] = {r.run.id: value for r in group if (value := ask(r)) is not None}
        for peer, values in answers.items():
            both = [r for r in group if r.run.id in values]
            if len(both) < 5:
                continue
            theirs = [abs(values[r.run.id] / r.published - 1.0) for r in both]
            ours = [abs(r.error) for r in both]
            print(
                f"{name:16}{peer:18}{len(both):>6}{statistics.fmean(theirs):>9.1%}{statistics.median(theirs):>9.1%}   "
                f"mean {statistics.fmean(ours):.1%}, median {statistics.median(ours):.1%}"
            )


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calculon", type=Path)
    parser.add_argument("--llm-analysis", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--unseen", action="store_true", help="only rows that no fit saw")
    given = parser.parse_args()
    peers: dict[str, Callable[[Judged], float | None]] = {}
    for name, path, build in (
        ("Calculon", given.calculon, calculon),
        ("llm-analysis", given.llm_analysis, llm_analysis),
    ):
        if path is None:
            print(f"{name}: skipped, no checkout given")
        else:
            try:
                peers[name] = build(path)
            except ImportError as error:
                print(f"{name}: skipped, {error}")
    rows = [r for r in judged(read_runs(given.runs)) if not r.stalled and not (given.unseen and r.seen)]
    compare(rows, peers)


if __name__ == "__main__":
    main()
