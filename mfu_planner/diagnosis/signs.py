"""What the model, the framework and the device imply of time that no prediction explains, short of a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.machine.toolbox import node_devices
from mfu_planner.operators import Convolution, MatMul, Role
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.loading import Loader
    from mfu_planner.diagnosis.observing import Observed

LINKS = 0.3
"""Share of the predicted time in communication from which slower links than the model's are the first suspect."""
LINKS_ON_PCIE = 0.05
"""The same where devices of a node meet on PCIe: peer-to-peer copies are often off there, and slots share lanes."""
SHORT = 0.05
"""Share of a step that a loader must add by arithmetic to be believed inside the model's range, too."""
BUSY = 0.95
"""Utilisation from which nothing but kernels (collectives are some) takes the time."""


@dataclass(frozen=True)
class Sign:
    """One implication."""

    part: str
    """The part of the gap that it explains."""
    evidence: str
    cure: Change
    share: float | None = None
    """Of the observed time, where arithmetic says it; None: all that is unexplained."""
    of: str = ""
    """The part that it explains some of, whatever is unexplained; empty: what is, beyond the model's range."""


def signs(seen: Observed, run: Described, gap: Gap, loader: Loader) -> list[Sign]:
    """Every sign, the surest first."""
    if run.bench is None:
        return []
    found = [
        *_odd_sizes(run, gap),
        *_expert_loop(seen, run),
        *_loader(loader),
        *_offload(run),
        *_dispatcher(run),
        *_links(run),
    ]
    return [*found, *_busy(seen, run, gap)]


def explain(gap: Gap, found: list[Sign]) -> None:
    """Give what is unexplained beyond the model's range to the signs, in turn."""
    for sign in found:
        there = gap.shares.get(sign.of, 0.0) if sign.of else gap.unexplained if gap.beyond else 0.0
        if there > 0 and sign.part not in gap.shares:
            share = there if sign.share is None else min(sign.share, there)
            gap.move(sign.part, share, sign.of or "unexplained", "implied", sign.evidence)


def _echo(run: Described) -> dict[str, Any]:
    assert run.bench is not None
    return dict(run.bench.base.echo)


def _loops(run: Described, framework: str | None) -> bool:
    """Whether the framework's own model code calls expert after expert."""
    assert run.bench is not None
    held = knowledge()["expert_loop"]
    own_code = framework in held["frameworks"] or (framework is None and run.compiled is False)
    return own_code and bool(_experts(run)) and not run.compiled and _echo(run)["ep"] == 1


def _experts(run: Described) -> int:
    """Experts of all layers; none without a mixture."""
    assert run.bench is not None
    copies = (
        block.count
        * max((op.copies for op in block.operators if isinstance(op, MatMul) and op.role is Role.EXPERT), default=0)
        for block in run.bench.case.architecture.blocks
    )
    return sum(copies)


def _expert_loop(seen: Observed, run: Described) -> Iterator[Sign]:
    """Experts one after another in Python: so many small kernels for each expert of each layer."""
    if not _loops(run, seen.answers.framework) or seen.device_s_per_token is None:
        return
    assert run.bench is not None
    held = knowledge()["expert_loop"]
    e = _echo(run)
    launches = _experts(run) * held["operations"]
    seconds = launches * float(knowledge()["eager_op_us"]) * 1e-6
    micro = seen.device_s_per_token * e["micro_batch"] * e["seq_len"]
    share = min(seconds / micro, 1.0)
    yield Sign(
        "expert_loop",
        f"the framework's model code calls one expert after another: about {launches:,.0f} small operations a "
        f"micro-batch, {seconds:.2g} s to issue, {share:.0%} of its time",
        Change(
            "experts in one grouped kernel (grouped GEMM: transformers' experts_implementation='grouped_mm', "
            "Unsloth, Megatron or torchtitan) in place of the Python loop",
            "experts",
            effort="medium",
            risk="another implementation of the same mathematics: losses to be compared",
        ),
        None if "micro_batch" in run.assumed else share,
    )


def _odd_sizes(run: Described, gap: Gap) -> Iterator[Sign]:
    """Products with sizes that the matrix units do not take: a vocabulary of 50,257."""
    assert run.bench is not None
    held, case = knowledge(), run.bench.case
    multiple = int(held["odd_product_multiple"])
    if gap.basis.get("matmul_inefficiency") != "predicted":
        return
    work, total, odd, sizes = case.device_work, 0.0, 0.0, set()
    for block in case.architecture.blocks:
        for op in block.operators:
            if isinstance(op, MatMul):
                flops = float(block.count * op.forward_flops(work))
                total += flops
                wrong = {int(n) for n in (op.inputs, op.outputs) if n % multiple}
                odd += flops if wrong else 0.0
                sizes |= wrong
    if not odd:
        return
    at_rate = odd / total * (gap.useful + gap.shares.get("matmul_inefficiency", 0.0))
    padded = ", ".join(f"{n:,} → {-(-n // 64) * 64:,}" for n in sorted(sizes))
    yield Sign(
        "odd_sizes",
        f"products of odd sizes ({padded}) hold {odd / total:.0%} of the products' work, "
        "and leave the matrix units' fast path",
        Change(
            f"sizes padded to multiples of 64: {padded} (a vocabulary: resize_token_embeddings(pad_to_multiple_of=64))",
            "odd-sizes",
            risk="a few unused rows",
        ),
        at_rate * (float(held["odd_product_factor"]) - 1),
        of="matmul_inefficiency",
    )


def _loader(loader: Loader) -> Iterator[Sign]:
    if loader.suspect:
        short = loader.share is not None and loader.share > SHORT
        share = None if loader.crowded and not short else loader.share
        yield Sign("input", loader.said, loader.cure, share, of="unexplained" if short else "")


def _offload(run: Described) -> Iterator[Sign]:
    """States on the host: the prediction takes the link's rate and a fast update, life often neither."""
    if _echo(run)["offload"]:
        yield Sign(
            "offloaded",
            "states are offloaded: the prediction takes PCIe at its rate and a vectorised update on the host; NVMe, "
            "pageable memory and Python's own optimizer are several times slower",
            Change(
                "states back on the device (shards over more devices, 8-bit or 16-bit states), or in pinned host "
                "memory with the host's fused Adam (DeepSpeedCPUAdam), updated once per many micro-batches",
                "offload",
                effort="medium",
                risk="memory",
            ),
        )


def _dispatcher(run: Described) -> Iterator[Sign]:
    """Experts on several devices: the exchange is predicted, what prepares it is not."""
    e = _echo(run)
    if e["ep"] > 1:
        yield Sign(
            "dispatcher",
            f"experts lie on {e['ep']} devices: tokens are sorted, counted (the host waits for the counts) and packed "
            "around every exchange, which the prediction leaves out",
            Change(
                "another token dispatcher (DeepEP or HybridEP: Megatron's flex dispatcher) with fused permutation and "
                "router, and a larger micro-batch",
                "dispatcher",
                effort="medium",
                risk="library versions; memory",
            ),
        )


def _links(run: Described) -> Iterator[Sign]:
    """Communication rules what is predicted, over links that are easily slower than assumed."""
    assert run.bench is not None
    from mfu_planner.diagnosis.gap import COMMUNICATION

    base, e, link = run.bench.base, _echo(run), run.bench.request.accelerator.scale_up
    pcie = link is None or link.domain < min(e["devices"], node_devices())
    known = any(e[name] is not None for name in ("nic_bytes_per_s", "fabric"))
    share = sum(base.parts.get(p, 0.0) for p in COMMUNICATION) / base.per_token
    if share >= (LINKS_ON_PCIE if pcie else LINKS) and not known and e["devices"] > 1:
        over = "PCIe, at a rate" if pcie else "a network"
        yield Sign(
            "links",
            f"communication is {share:.0%} of the predicted time already, over {over} that was assumed: "
            "slower links explain the rest first",
            Change(
                "find the slow link (nccl-tests between and inside nodes), then exchange less: a larger micro-batch "
                "or accumulation, shards kept inside a node",
                "links",
                effort="medium",
                risk="none known",
            ),
        )


def _busy(seen: Observed, run: Described, gap: Gap) -> Iterator[Sign]:
    """One device, busy all the time: only its kernels are left."""
    assert run.bench is not None
    used = seen.answers.gpu_utilisation
    if _echo(run)["devices"] > 1 or used is None or used < BUSY or not gap.beyond:
        return
    blocks = run.bench.case.architecture.blocks
    convolutions = sum(b.count for b in blocks for op in b.operators if isinstance(op, Convolution)) > 1
    what, cure = "its kernels are slow or unfused", "profile the longest kernels, and replace them"
    if convolutions:
        what = "its convolutions are slow"
        cure = "channels-last memory format, cudnn.benchmark, channel counts in multiples of 8, and 16-bit convolutions"
    yield Sign(
        "slow_kernels",
        f"the only device is busy {used:.0%} of the time: {what}",
        Change(cure, "slow-kernels", risk="numerics to be compared"),
    )
