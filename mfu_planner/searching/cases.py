"""What is searched: every machine and job size, with its tools and its grids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.costs import Price, price_for
from mfu_planner.errors import InputError, nearest
from mfu_planner.footprint.calibrated import memory_constants
from mfu_planner.footprint.states import optimizer_bytes
from mfu_planner.hardware.sellers import provider_id, seller_of
from mfu_planner.layout.flags import batch_of, whole, whole_zero
from mfu_planner.layout.request import FLAGS, WHOLE, read_common, wires_of
from mfu_planner.layout.schedules import SCHEDULES
from mfu_planner.layout.toolbox import default_stack, tools
from mfu_planner.layout.work import cached_model_work
from mfu_planner.searching.evaluate import Tools
from mfu_planner.searching.space import Inner, Outer, inner_grid, outer_layouts

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    "schedule",
)
"""Layout flags that, when given, are held fixed."""
CHUNK = 4_000_000
"""Layouts of one array call at most: 32 MB an array."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One machine and job size to search."""

    place: str
    devices: int
    tools: Tools
    usable_bytes: float
    """What a framework can allocate on the device; 0 when not known."""
    prices: tuple[Price, ...]
    """What a device-hour costs: of each provider asked about, or the one price."""
    cluster: str | None
    node: int
    flags: dict[str, Any]
    selective: bool


def _listed(value: Any) -> list[Any]:
    if value is None:
        return [None]
    if isinstance(value, list | tuple):
        return list(value) or [None]
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and "," in value else [value]


def cases_of(given: dict[str, Any]) -> Iterator[Case]:
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
    s, model, accelerator, devices, _, _ = read_common({k: v for k, v in flags.items() if v is not None})
    assert devices is not None
    architecture = model.architecture
    assert architecture is not None
    name = str(given.get("stack") or default_stack(accelerator.id))
    kernel = given.get("attention_kernel")
    box, software, _ = tools(accelerator, s.dtype, name, flags.get("cluster"), kernel, wires_of(s))
    batch = batch_of(s)
    schedule = given.get("schedule")
    if schedule is not None and schedule not in SCHEDULES:
        raise InputError("schedule", schedule, ", ".join(SCHEDULES), nearest(str(schedule), SCHEDULES))
    made = Tools(
        model=cached_model_work(architecture),
        machine=box,
        stack=software,
        memory=memory_constants(name),
        optimizer_bytes=optimizer_bytes(str(given.get("optimizer") or "adam")),
        seq_len=s.seq_len,
        global_batch=batch,
        schedule=schedule,
    )
    selective = bool(software.selective_share) or not software.fused_attention
    return Case(
        place=str(flags.get("cluster") or accelerator.id),
        devices=devices,
        tools=made,
        usable_bytes=box.usable_bytes,
        prices=_prices(accelerator.id, flags, given),
        cluster=flags.get("cluster"),
        node=int(box.node_devices),
        flags={k: v for k, v in flags.items() if v is not None},
        selective=selective,
    )


def _prices(device: str, flags: dict[str, Any], given: dict[str, Any]) -> tuple[Price, ...]:
    from mfu_planner.units import parse

    own = None if given.get("price") is None else parse(given["price"], "usd_per_device_hour", field="price")
    said = {name: given.get(name) for name in ("term", "region", "as_of")}
    machine = flags.get("cluster") or flags.get("hardware")
    providers = _listed(given.get("provider"))
    if len(providers) > 1 and (seller := seller_of(machine)):
        providers = [p for p in providers if provider_id(p) == seller[0]] or [None]
    return tuple(price_for(device, given=own, provider=p, machine=machine, **said) for p in providers)


def fixed_flags(given: dict[str, Any]) -> dict[str, Any]:
    """The layout flags that are given, numbers read.

    Raises
    ------
    InputError
        A number that is none; a share of recomputation, which is searched.
    """
    if given.get("recompute_share") is not None:
        raise InputError("recompute-share", given["recompute_share"], "nothing: the search tries several shares itself")
    fixed = {n: given[n] for n in FIXED if given.get(n) is not None}
    for name in WHOLE:
        if name in fixed:
            fixed[name] = whole(fixed, name)
    if "zero" in fixed:
        fixed["zero"] = whole_zero(fixed["zero"])
    return fixed


def grids(case: Case, given: dict[str, Any], whole: bool) -> Iterator[tuple[Outer, Inner]]:
    """Every outer choice with its inner grid; the widest axis is cut where a grid would be too large for one call."""
    fixed = fixed_flags(given)
    t = case.tools
    for outer in outer_layouts(t.model, case.devices, t.global_batch, t.seq_len, case.node):
        if any(name in fixed and fixed[name] != getattr(outer, name) for name in ("tp", "pp", "cp", "ep", "dp")):
            continue
        inner = inner_grid(outer, t.model, t.global_batch, whole=whole, selective=case.selective)
        inner = _narrowed(_scheduled(inner, t.schedule, outer.pp), fixed)
        if not inner.size:
            continue
        pieces = -(-inner.size // CHUNK)
        per = max(1, len(inner.zero_group) // pieces)
        for first in range(0, len(inner.zero_group), per):
            yield outer, replace(inner, zero_group=inner.zero_group[first : first + per])


def _scheduled(inner: Inner, schedule: str | None, stages: int) -> Inner:
    """The grid with the chunks that a fixed schedule has: several under interleaved, one under any other."""
    if schedule is None or stages == 1:
        return inner
    return replace(inner, vpp=tuple(v for v in inner.vpp if (v > 1) == (schedule == "interleaved")))


def _narrowed(inner: Inner, fixed: dict[str, Any]) -> Inner:
    """The grid without what the given flags rule out."""
    changes: dict[str, Any] = {}
    for name in ("micro_batch", "vpp", "zero", "zero_group"):
        if name in fixed:
            changes[name] = tuple(v for v in getattr(inner, name) if v == fixed[name])
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
