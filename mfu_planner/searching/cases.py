"""What is searched: every machine and job size, with its tools and its grids."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.costs import Price, price_for
from mfu_planner.answers.predict import counted_as
from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware.sellers import provider_id, seller_of
from mfu_planner.machine.memory import memory_of
from mfu_planner.machine.optimizers import with_gradients
from mfu_planner.operators import Layout
from mfu_planner.questions.degrees import WHOLE as WHOLE_NUMBERS
from mfu_planner.questions.flags import batch_of, whole, whole_zero
from mfu_planner.questions.request import FLAGS, equipped, read_common, step_work
from mfu_planner.questions.stage_layers import NAMES as STATED
from mfu_planner.searching.space import (
    USUAL,
    WHOLE,
    Fineness,
    Inner,
    Outer,
    ends_dealt,
    inner_grid,
    outer_layouts,
    usual_context,
)
from mfu_planner.step.case import Case, Said
from mfu_planner.step.schedules import SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfu_planner.step.evaluate import MicroBatch

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
CHUNK = 1 << 20
"""Layouts of one array call at most: 8 MiB an array."""
MOST_LAYOUTS = 24_000_000
"""Layouts of a search: about a second on one core."""
MOST_DEVICES = 10_000_000
"""No machine has more."""


@dataclass(frozen=True, kw_only=True)
class SearchPlace:
    """One machine and job size to search."""

    place: str
    devices: int
    case: Case
    """The question without its layout."""
    global_batch: int
    schedule: str | None
    """Pipeline schedule held fixed; None: interleaved where there are several chunks, else 1F1B."""
    prices: tuple[Price, ...]
    """What a device-hour costs: of each provider asked about, or the one price."""
    cluster: str | None
    flags: dict[str, Any]
    """What ``predict`` is given beside the layout."""
    selective: bool
    """Whether selective recomputation differs from none."""
    device_facts: dict[str, Any]
    """What one device is, where it is a part of what people count."""
    said: tuple[str, ...]
    """What was assumed of model, machine, stack and network, as ``predict`` says it."""
    fixed: frozenset[str]
    """Names of the layout flags that are given."""
    known: dict[Any, MicroBatch] = field(default_factory=dict)
    """What ``searching.evaluate`` knows of one micro-batch under some degrees."""

    @property
    def node(self) -> int:
        """Devices of a scale-up domain."""
        return int(self.case.machine.node_devices)

    def usual(self, outer: Outer) -> dict[str, int] | None:
        """By axis, how many of its values published runs choose, where not all; None where the outer choice is not
        theirs.  What was asked for by name is usual."""
        fixed = self.fixed
        if "cp" not in fixed and not usual_context(outer, self.global_batch, int(self.case.work.seq_len)):
            return None
        spread = self.case.stack.sequence_parallel or "sequence_parallel" in fixed
        return {**({} if spread else {"sequence_parallel": 1}), **({} if "offload" in fixed else {"offload": 1})}

    def ends(self, outer: Outer) -> bool:
        """Whether embedding and head count as layers: where only that makes stages equal, and the stack deals by
        count."""
        return not self.case.stack.balanced_stages and ends_dealt(int(self.case.division.layers), outer.pp)


Grid = tuple[SearchPlace, Outer, Inner]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return [None]
    if isinstance(value, list | tuple):
        return list(value) or [None]
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and "," in value else [value]


def places_of(given: dict[str, Any]) -> Iterator[SearchPlace]:
    """Every (hardware or cluster, devices) that is asked about."""
    common = {
        n: v for n, v in given.items() if n in FLAGS and n not in ("hardware", "cluster", "devices") and n not in FIXED
    }
    for cluster in _listed(given.get("cluster")):
        for hardware in _listed(given.get("hardware")):
            for devices in _listed(given.get("devices")):
                if devices is None:
                    raise InputError("devices", "nothing", "a number of devices, or several: --devices 256,512,1024")
                yield _place({**common, "cluster": cluster, "hardware": hardware, "devices": devices}, given)


def _place(flags: dict[str, Any], given: dict[str, Any]) -> SearchPlace:
    from mfu_planner.questions.device_count import device_facts

    flags = {k: v for k, v in flags.items() if v is not None}
    s, model, accelerator, devices, warnings, _ = read_common(flags)
    assert devices is not None
    if devices > MOST_DEVICES:
        raise InputError("devices", f"{devices:,}", f"at most {MOST_DEVICES:,}: no machine has more")
    assert model.architecture is not None
    sharding = None if given.get("zero") is None else whole_zero(given["zero"])
    name, (box, software, said, own) = equipped(s, accelerator, devices, sharding, offload=bool(given.get("offload")))
    if s.optimizer_in_backward:
        raise InputError("optimizer-in-backward", "yes", "memory, predict and diagnose: layouts here add gradients up")
    software = with_gradients(software, s.gradient_dtype)
    batch = batch_of(s)
    schedule = given.get("schedule")
    if schedule is not None and schedule not in SCHEDULES:
        raise InputError("schedule", schedule, ", ".join(SCHEDULES), nearest(str(schedule), SCHEDULES))
    case = Case(
        architecture=model.architecture,
        work=step_work(s, batch),
        layout=Layout(compiled=float(bool(s.compile)), imbalance=s.expert_imbalance or 1.0, etp=float(s.etp or 0)),
        machine=box,
        stack=software,
        memory=memory_of(software.name, own, s.optimizer or "adam", s.gradient_dtype, in_backward=False),
        optimizer=s.optimizer or "adam",
        loader_tokens_per_s=s.loader_tokens_per_s,
        said=Said(own=own),
    )
    return SearchPlace(
        place=str(flags.get("cluster") or accelerator.id),
        devices=devices,
        case=case,
        global_batch=batch,
        schedule=schedule,
        prices=_prices(accelerator.id, flags, given),
        cluster=flags.get("cluster"),
        flags={
            **flags,
            "hardware": accelerator.id,
            "devices": devices,
            "dtype": s.dtype,
            "seq_len": s.seq_len,
            "global_batch": batch,
            "stack": name,
        },
        selective=bool(software.selective_share) or not software.fused_attention,
        device_facts=device_facts(s, accelerator, devices),
        said=(*said, *warnings, *counted_as(case)),
        fixed=frozenset(name for name in FIXED if given.get(name) is not None),
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
        A number that is none; a share of recomputation, which is searched; a stated division of layers.
    """
    for name in STATED:
        if given.get(name):
            raise InputError(
                name.replace("_", "-"),
                given[name],
                "nothing: the search deals layers evenly; memory and predict take it",
            )
    if given.get("recompute_share") is not None:
        raise InputError("recompute-share", given["recompute_share"], "nothing: the search tries several shares itself")
    fixed = {n: given[n] for n in FIXED if given.get(n) is not None}
    for name in WHOLE_NUMBERS:
        if name in fixed:
            fixed[name] = whole(fixed, name)
    if "zero" in fixed:
        fixed["zero"] = whole_zero(fixed["zero"])
    return fixed


def grids(places: list[SearchPlace], given: dict[str, Any], whole: bool) -> tuple[list[Grid], str]:
    """Every place's outer choices with their inner grids, in pieces of one array call, and what was left out.

    The whole space is tried as finely as :data:`MOST_LAYOUTS` allow.
    """
    fixed = fixed_flags(given)
    finest, *coarser = WHOLE if whole else (USUAL,)
    found = [grid for place in places for grid in _grids(place, fixed, finest)]
    said = ""
    for fineness in coarser:
        if _layouts(found) <= MOST_LAYOUTS:
            break
        found = [grid for place in places for grid in _grids(place, fixed, fineness)]
        said = fineness.said
    return [piece for grid in found for piece in _pieces(*grid)], said


def around(place: SearchPlace, given: dict[str, Any], near: Iterable[tuple[Outer, int]]) -> Iterator[Grid]:
    """The whole space of some outer choices and degrees of EP, as many as :data:`MOST_LAYOUTS` allow."""
    every = {outer: inner for _place, outer, inner in _grids(place, fixed_flags(given), WHOLE[0])}
    tried: dict[Outer, list[int]] = {}
    layouts = 0
    for outer, ep in near:
        layouts += every[outer].size // len(every[outer].ep)
        if tried and layouts > MOST_LAYOUTS // 2:
            break
        tried.setdefault(outer, []).append(ep)
    for outer, degrees in tried.items():
        yield from _pieces(place, outer, replace(every[outer], ep=tuple(sorted(degrees))))


def _layouts(found: Iterable[Grid]) -> int:
    return sum(inner.size for _place, _outer, inner in found)


def _grids(place: SearchPlace, fixed: dict[str, Any], fineness: Fineness) -> Iterator[Grid]:
    division, batch, etp = place.case.division, place.global_batch, int(place.case.layout.etp) or 1
    for outer in outer_layouts(division, place.devices, batch, place.case.work.seq_len, place.node):
        if any(name in fixed and fixed[name] != getattr(outer, name) for name in ("tp", "pp", "cp", "dp")):
            continue
        inner = inner_grid(
            outer, division, batch, fineness, shared=etp, selective=place.selective, ends=place.ends(outer)
        )
        inner = _narrowed(_scheduled(inner, place.schedule, outer.pp), fixed)
        if inner.size:
            yield place, outer, inner


def _pieces(place: SearchPlace, outer: Outer, inner: Inner) -> Iterator[Grid]:
    """The widest axis is cut where a grid would be too large for one call."""
    pieces = -(-inner.size // CHUNK)
    per = max(1, len(inner.zero_group) // pieces)
    for first in range(0, len(inner.zero_group), per):
        yield place, outer, replace(inner, zero_group=inner.zero_group[first : first + per])


def _scheduled(inner: Inner, schedule: str | None, stages: int) -> Inner:
    """The grid with the chunks that a fixed schedule has: several under interleaved, one under any other."""
    if schedule is None or stages == 1:
        return inner
    return replace(inner, vpp=tuple(v for v in inner.vpp if (v > 1) == (schedule == "interleaved")))


def _narrowed(inner: Inner, fixed: dict[str, Any]) -> Inner:
    """The grid without what the given flags rule out."""
    changes: dict[str, Any] = {}
    for name in ("ep", "micro_batch", "vpp", "zero", "zero_group"):
        if name in fixed:
            changes[name] = tuple(v for v in getattr(inner, name) if v == fixed[name])
    for name in ("sequence_parallel", "offload"):
        if name in fixed:
            changes[name] = tuple(v for v in getattr(inner, name) if bool(v) == bool(fixed[name]))
    if "recompute" in fixed:
        allowed = {"none": lambda c: c == 0, "selective": lambda c: c == 1, "full": lambda c: c == 2}
        asked = fixed["recompute"]
        if not isinstance(asked, str) or asked not in allowed:
            raise InputError("recompute", asked, ", ".join(allowed), nearest(str(asked), allowed))
        changes["recompute"] = tuple(filter(allowed[asked], inner.recompute))
        if asked == "selective" and not changes["recompute"]:
            changes["recompute"] = (1.0,)
    return replace(inner, **changes) if changes else inner
