"""The best layouts of a model on a cluster (or several), and why the obvious one lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer, nearest
from mfu_planner.footprint.calibrated import memory_constants
from mfu_planner.footprint.states import optimizer_bytes
from mfu_planner.prediction.calibrated import calibration
from mfu_planner.prediction.predicting import flops_per_sequence, predict
from mfu_planner.prediction.request import FLAGS, batch_of, default_stack, read_common, tools
from mfu_planner.prediction.work import cached_model_work
from mfu_planner.searching.evaluate import Tools, evaluate
from mfu_planner.searching.rank import Best, Found
from mfu_planner.searching.space import Outer, inner_grid, outer_layouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RANKS = ("time", "cost", "devices")
OWN = ("devices", "hardware", "cluster", "rank", "top", "space", "tokens", "price", "deadline", "goodput")
FIXED = (
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "dp",
    "micro_batch",
    "zero",
    "zero_group",
    "recompute",
    "sequence_parallel",
    "offload",
    "recompute_share",
)
"""Layout flags that, when given, are held fixed."""
CHUNK = 4_000_000
"""Layouts of one array call at most: 32 MB an array."""


@dataclass(frozen=True)
class Case:
    """One machine and job size to search."""

    place: str
    devices: int
    tools: Tools
    capacity: float
    price: float | None
    node: int
    flags: dict[str, Any]
    selective: bool


def search(progress: Callable[[int], None] | None = None, **given: Any) -> dict[str, Any]:
    """Search TP × PP × VPP × DP × CP × EP × ZeRO × micro-batch × recomputation.

    Parameters
    ----------
    progress
        Called with the number of layouts looked at so far.
    **given
        The flags of ``mfu-planner search``: model, hardware or clusters, devices (one number or a list), global batch,
        sequence length; ``rank`` (time, cost, devices), ``top``, ``space`` (usual, whole), ``tokens``, ``deadline``,
        ``price``; a layout flag that is given stays fixed.

    Returns
    -------
    dict
        ``evaluated``, ``feasible``, ``elapsed_s``, ``layouts`` (best first), ``pareto`` (time against cost),
        ``obvious`` (the
        usual choice and why it lost), ``assumptions``.

    Raises
    ------
    NoAnswer
        No layout fits.
    """
    start = time.perf_counter()
    rank, top, whole = _manner(given)
    cases = list(_cases(given))
    evaluated = feasible = 0
    kept: list[tuple[Case, Found]] = []
    usable = float(calibration()["memory"]["usable_share"])
    for case in cases:
        best = Best(max(top, 50))
        for outer, inner in _grids(case, given, whole):
            seconds, held, allowed = evaluate(outer, inner, case.tools)
            fits = allowed & (held <= usable * case.capacity)
            evaluated += inner.size
            feasible += int(fits.sum())
            best.offer(seconds, held, fits, outer, inner, case.devices, case.place)
            if progress is not None:
                progress(evaluated)
        kept.extend((case, found) for found in best.ranked())
    if not kept:
        raise NoAnswer(
            f"search: none of {evaluated:,} layouts fits {usable:.0%} of the memory; more devices, a smaller "
            f"batch or sequence, "
            "or devices with more memory would"
        )
    rows = _ranked([_row(case, found, given) for case, found in kept], rank, given)
    rows = _distinct(rows)
    return {
        "evaluated": evaluated,
        "feasible": feasible,
        "elapsed_s": time.perf_counter() - start,
        "rank": rank,
        "layouts": rows[:top],
        "pareto": pareto(rows),
        "obvious": obvious(_case_of(rows[0], cases), rows[0], given),
        "assumptions": _assumptions(cases, usable),
    }


def _manner(given: dict[str, Any]) -> tuple[str, int, bool]:
    unknown = [name for name in given if name not in (*FLAGS, *OWN)]
    if unknown:
        raise InputError(unknown[0], given[unknown[0]], "a known flag", nearest(unknown[0], (*FLAGS, *OWN)))
    rank = str(given.get("rank") or "time")
    if rank not in RANKS:
        raise InputError("rank", rank, ", ".join(RANKS), nearest(rank, RANKS))
    space = str(given.get("space") or "whole")
    if space not in ("usual", "whole"):
        raise InputError("space", space, "usual or whole")
    top = int(given.get("top") or 10)
    if top < 1:
        raise InputError("top", top, "a number of at least 1")
    return rank, top, space == "whole"


def _listed(value: Any) -> list[Any]:
    if value is None:
        return [None]
    if isinstance(value, list | tuple):
        return list(value) or [None]
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and "," in value else [value]


def _cases(given: dict[str, Any]) -> Iterator[Case]:
    """Every (hardware or cluster, devices) that is asked about."""
    common = {
        n: v for n, v in given.items() if n in FLAGS and n not in ("hardware", "cluster", "devices") and n not in FIXED
    }
    for cluster in _listed(given.get("cluster")):
        for hardware in _listed(given.get("hardware")):
            for devices in _listed(given.get("devices")):
                if devices is None:
                    raise InputError("devices", "nothing", "a number of devices, or several: --devices 256,512,1024")
                yield _case({**common, "cluster": cluster, "hardware": hardware, "devices": devices}, given)


def _case(flags: dict[str, Any], given: dict[str, Any]) -> Case:
    s, model, accelerator, devices, _ = read_common({k: v for k, v in flags.items() if v is not None})
    assert devices is not None
    architecture = model.architecture
    assert architecture is not None
    name = str(given.get("stack") or default_stack(accelerator.id))
    box, software, _ = tools(accelerator, s.dtype, name, flags.get("cluster"), given.get("attention_kernel"))
    batch = batch_of(s)
    made = Tools(
        cached_model_work(architecture),
        box,
        software,
        memory_constants(name),
        optimizer_bytes(str(given.get("optimizer") or "adam")),
        s.seq_len,
        batch,
    )
    selective = bool(software.selective_share) or not software.fused_attention
    return Case(
        str(flags.get("cluster") or accelerator.id),
        devices,
        made,
        box.memory_bytes,
        _price(accelerator.id, given),
        int(box.node_devices),
        {k: v for k, v in flags.items() if v is not None},
        selective,
    )


def _price(device: str, given: dict[str, Any]) -> float | None:
    if given.get("price") is not None:
        from mfu_planner.units import parse

        return parse(given["price"], "usd_per_device_hour", field="price")
    from mfu_planner.hardware.prices import typical_price

    found = typical_price(device)
    return None if found is None else found.usd_per_device_hour


def _grids(case: Case, given: dict[str, Any], whole: bool) -> Iterator[tuple[Outer, Any]]:
    """Every outer choice with its inner grid; the widest axis is cut where a grid would be too large for one call."""
    from dataclasses import replace

    fixed = {n: given[n] for n in FIXED if given.get(n) is not None}
    t = case.tools
    for outer in outer_layouts(t.model, case.devices, t.global_batch, t.seq_len, case.node):
        if any(name in fixed and int(fixed[name]) != getattr(outer, name) for name in ("tp", "pp", "cp", "ep", "dp")):
            continue
        inner = inner_grid(outer, t.model, t.global_batch, whole=whole, selective=case.selective)
        inner = _narrowed(inner, fixed)
        if not inner.size:
            continue
        pieces = -(-inner.size // CHUNK)
        per = max(1, len(inner.zero_group) // pieces)
        for first in range(0, len(inner.zero_group), per):
            yield outer, replace(inner, zero_group=inner.zero_group[first : first + per])


def _narrowed(inner: Any, fixed: dict[str, Any]) -> Any:
    from dataclasses import replace

    changes: dict[str, tuple[float, ...]] = {}
    for name in ("micro_batch", "vpp", "zero", "zero_group"):
        if name in fixed:
            changes[name] = tuple(v for v in getattr(inner, name) if v == int(fixed[name]))
    for name in ("sequence_parallel", "offload"):
        if name in fixed:
            changes[name] = tuple(v for v in getattr(inner, name) if bool(v) == bool(fixed[name]))
    if "recompute" in fixed:
        allowed = {"none": lambda c: c == 0, "selective": lambda c: c == 1, "full": lambda c: c == 2}
        if fixed["recompute"] not in allowed:
            raise InputError(
                "recompute", fixed["recompute"], ", ".join(allowed), nearest(str(fixed["recompute"]), allowed)
            )
        changes["recompute"] = tuple(filter(allowed[fixed["recompute"]], inner.recompute))
        if fixed["recompute"] == "selective" and not changes["recompute"]:
            changes["recompute"] = (1.0,)
    return replace(inner, **changes) if changes else inner


def _row(case: Case, found: Found, given: dict[str, Any]) -> dict[str, Any]:
    from mfu_planner.units import parse

    t = case.tools
    architecture_flops = flops_per_sequence(_architecture(case), t.seq_len) * t.global_batch
    row: dict[str, Any] = {
        **found.flags(),
        "place": case.place,
        "devices": case.devices,
        "step_time_s": found.seconds,
        "mfu": architecture_flops / (found.seconds * case.devices * t.machine.peak_flops_per_s),
        "tokens_per_s": t.global_batch * t.seq_len / found.seconds,
        "total_bytes": found.held_bytes,
        "cost_usd": None,
        "training_time_s": None,
    }
    per_step = case.devices * found.seconds / 3600.0 * case.price if case.price is not None else None
    row["cost_usd_per_step"] = per_step
    tokens = given.get("tokens")
    if tokens is not None:
        goodput = 1.0 if given.get("goodput") is None else parse(given["goodput"], "fraction", field="goodput")
        steps = parse(tokens, "token", field="tokens") / (t.global_batch * t.seq_len)
        row["training_time_s"] = steps * found.seconds / goodput
        row["cost_usd"] = None if per_step is None else per_step * steps / goodput
    else:
        row["cost_usd"] = per_step
    return row


def _architecture(case: Case) -> Any:
    from mfu_planner.model import choose_model

    flags = case.flags
    return choose_model(
        model=flags.get("model"), config=flags.get("config"), image_size=flags.get("image_size")
    ).architecture


def _ranked(rows: list[dict[str, Any]], rank: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """By time, by cost, or by devices (the fewest that meet the deadline, the fastest of them)."""
    if given.get("deadline") is not None:
        from mfu_planner.units import parse

        limit = parse(given["deadline"], "time", field="deadline")
        if given.get("tokens") is None:
            raise InputError("tokens", "nothing", "the training tokens, beside --deadline")
        in_time = [r for r in rows if r["training_time_s"] <= limit]
        if not in_time:
            quickest = min(r["training_time_s"] for r in rows)
            raise NoAnswer(
                f"search: no layout meets {limit / 86400:.1f} days; the fastest takes {quickest / 86400:.1f} "
                f"days: more devices, "
                "fewer tokens, or a later deadline"
            )
        rows = in_time
    if rank == "cost" and any(r["cost_usd"] is None for r in rows):
        raise InputError("price", "nothing", "a price such as --price '2.5 $/h': none is on file for every device here")
    keys: dict[str, Callable[[dict[str, Any]], tuple[float, ...]]] = {
        "time": lambda r: (r["step_time_s"],),
        "cost": lambda r: (r["cost_usd"], r["step_time_s"]),
        "devices": lambda r: (r["devices"], r["step_time_s"]),
    }
    return sorted(rows, key=keys[rank])


def _case_of(row: dict[str, Any], cases: list[Case]) -> Case:
    """The case that a row belongs to."""
    return next(c for c in cases if (c.place, c.devices) == (row["place"], row["devices"]))


def _distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without layouts of the same time, bytes and devices as one before them (the simpler one comes first)."""
    seen: set[tuple[float, float, int]] = set()
    left = []
    for row in rows:
        key = (row["step_time_s"], row["total_bytes"], row["devices"])
        if key not in seen:
            seen.add(key)
            left.append(row)
    return left


def pareto(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Layouts that no other beats in both time and cost (devices, where no price is known), fastest first."""
    front: list[dict[str, Any]] = []
    least = float("inf")
    for row in sorted(rows, key=lambda r: (r["step_time_s"], r["cost_usd"] or r["devices"])):
        spent = row["cost_usd"] if row["cost_usd"] is not None else float(row["devices"])
        if spent < least:
            least = spent
            front.append(row)
    return front


def obvious(case: Case, best: dict[str, Any], given: dict[str, Any]) -> dict[str, Any] | None:
    """The layout that people try first (TP of a node, fewest stages that fit, full recomputation) and what it
    loses to."""
    fixed = [n for n in FIXED if given.get(n) is not None]
    if fixed:
        return None
    t = case.tools
    tensor = min(case.node, 8)
    while tensor > 1 and case.devices % tensor:
        tensor //= 2
    for stages in (1, 2, 4, 8, 16, 32, 64):
        if case.devices % (tensor * stages) or stages > t.model.layer_count:
            continue
        if t.global_batch % (case.devices // (tensor * stages)):
            continue
        flags = {**case.flags, "devices": case.devices, "tp": tensor, "pp": stages, "recompute": "full"}
        try:
            said = predict(**flags)
        except InputError:
            continue
        if said["memory"]["fits"]:
            return _lost(said, best, tensor, stages)
    return None


def _lost(said: dict[str, Any], best: dict[str, Any], tensor: int, stages: int) -> dict[str, Any]:
    behind = said["step_time_s"] / best["step_time_s"] - 1.0
    shares = {w["name"]: w["share"] for w in said["waterfall"] if w["name"] not in ("ideal", "matmul_inefficiency")}
    reasons = sorted(shares, key=lambda name: -shares[name])[:3]
    return {
        "tp": tensor,
        "pp": stages,
        "recompute": "full",
        "micro_batch": 1,
        "step_time_s": said["step_time_s"],
        "slower_by": behind,
        "largest_losses": [{"name": n, "share": shares[n]} for n in reasons],
    }


def _assumptions(cases: list[Case], usable: float) -> list[str]:
    said = [
        f"a layout fits when its peak is at most {usable:.0%} of the device's memory",
        "interleaved pipelines only where the stages divide the micro-batches; degrees divide heads, layers, "
        "sequence and batch",
    ]
    said += sorted({f"software stack {c.tools.stack.name}" for c in cases})
    if any(c.price is None for c in cases):
        said.append("no price is on file for some devices: their cost is null")
    return said
