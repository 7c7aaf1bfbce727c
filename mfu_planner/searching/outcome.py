"""What a search found: rows, their order, the front of time against cost, why the obvious layout lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.costs import spot_job
from mfu_planner.answers.predict import input_stall, of_a_step, predict
from mfu_planner.answers.trust import Known, reach
from mfu_planner.counting.conventions import work_units
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.command import command_of
from mfu_planner.run import solve
from mfu_planner.run.doubt import doubts
from mfu_planner.searching.cases import FIXED
from mfu_planner.searching.space import AXES
from mfu_planner.step.schedules import schedule_name
from mfu_planner.units import DAY, HOUR, parse

if TYPE_CHECKING:
    from mfu_planner.answers.costs import Price
    from mfu_planner.searching.cases import SearchPlace
    from mfu_planner.searching.rank import Found


def row_of(place: SearchPlace, found: Found, price: Price, given: dict[str, Any]) -> dict[str, Any]:
    """One found layout as a row: its flags, time, rate, memory, cost, and the question that repeats it."""
    case, devices = place.case, place.devices
    units = work_units(case.architecture, case.work)
    seconds = found.seconds + input_stall(case, units, found.seconds)
    ends = place.ends(found.outer) or None
    flags = {
        **found.flags(),
        "schedule": place.schedule or schedule_name(found.flags()["vpp"]),
        "pipeline_embedding": ends,
        "pipeline_loss": ends,
    }
    question = {k: v for k, v in {**place.flags, **flags}.items() if v is not None}
    usd = price.usd_per_device_hour
    known = of_a_step(case, seconds, devices, case.division.convention)
    if usd is not None:
        known["price_usd_per_device_s"] = usd / HOUR
    one = solve({**known, "optimizer_steps": 1.0, "goodput": 1.0}, ["tokens_per_s", "mfu", "cost_usd"])
    trust = reach(_known(place, given, one["mfu"] * seconds / found.seconds))
    row: dict[str, Any] = {
        **flags,
        "usual": _usual(place, found),
        "place": place.place,
        "cluster": place.cluster,
        **price.record(),
        "price_usd_per_device_hour": usd,
        "devices": devices,
        "step_time_s": seconds,
        "step_time_low_s": seconds * trust.low,
        "step_time_high_s": seconds * trust.high,
        "mfu": one["mfu"],
        "tokens_per_s": one["tokens_per_s"],
        "total_bytes": found.held_bytes,
        "cost_usd": one.get("cost_usd"),
        "cost_usd_per_step": one.get("cost_usd"),
        "training_time_s": None,
        "total_cost_usd": None,
        "goodput": None,
        "question": question,
        "command": command_of("predict", question),
    }
    if (tokens := given.get("tokens")) is not None:
        row["goodput"] = _goodput(place, price, given)
        known |= {"tokens": parse(tokens, "token", field="tokens"), "goodput": row["goodput"]}
        whole = solve(known, ["training_time_s", "cost_usd"])
        row["training_time_s"] = whole["training_time_s"]
        row["cost_usd"] = row["total_cost_usd"] = whole.get("cost_usd")
    return row


def doubted(rows: list[dict[str, Any]], given: Mapping[str, Any]) -> list[str]:
    """What is doubted of the best row and of the shortest run, as a plan doubts it.

    Raises
    ------
    InputError
        A run under a microsecond.
    """
    values = {"devices": float(rows[0]["devices"])}
    if given.get("tokens") is not None:
        values["tokens"] = parse(given["tokens"], "token", field="tokens")
        values["training_time_s"] = min(row["training_time_s"] for row in rows)
    return doubts(values)


def _usual(place: SearchPlace, found: Found) -> bool:
    """Whether published runs make such choices, or they were asked for."""
    rare = place.usual(found.outer)
    return rare is not None and not any(dict(zip(AXES, found.choice, strict=True))[name] for name in rare)


def _known(place: SearchPlace, given: Mapping[str, Any], mfu: float) -> Known:
    case = place.case
    return Known(
        stack=case.stack.name,
        named=given.get("stack") is not None,
        device=str(place.flags["hardware"]),
        dtype=str(place.flags["dtype"]),
        params=float(case.division.params),
        devices=float(place.devices),
        seq_len=float(case.work.seq_len),
        mfu=mfu,
        samples=case.architecture.work_unit != "token",
        adapters=bool(given.get("lora_rank") or given.get("freeze")),
        own=case.said.own,
    )


def _goodput(place: SearchPlace, price: Price, given: dict[str, Any]) -> float:
    """The one that is given; on spot instances what interruptions leave; else 1."""
    if given.get("goodput") is not None:
        return parse(given["goodput"], "fraction", field="goodput")
    spot = spot_job(price, place.case.architecture.params, place.devices)
    return 1.0 if spot is None else spot[0]["goodput"]


def ranked(rows: list[dict[str, Any]], rank: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """By time, by cost, or by devices (the fewest that meet the deadline, the fastest of them)."""
    if given.get("deadline") is not None:
        limit = parse(given["deadline"], "time", field="deadline")
        if given.get("tokens") is None:
            raise InputError("tokens", "nothing", "the training tokens, beside --deadline")
        in_time = [r for r in rows if r["training_time_s"] <= limit]
        if not in_time:
            quickest = min(r["training_time_s"] for r in rows)
            raise NoAnswer(
                f"search: no layout meets {limit / DAY:.1f} days; the fastest takes "
                f"{quickest / DAY:.1f} days: more devices, fewer tokens, or a later deadline"
            )
        rows = in_time
    if rank == "cost" and all(r["cost_usd"] is None for r in rows):
        raise InputError("price", "nothing", "a price such as --price '2.5 $/h': none is on file for what is asked")
    keys: dict[str, Callable[[dict[str, Any]], tuple[float, ...]]] = {
        "time": lambda r: (r["step_time_s"],),
        "cost": lambda r: (math.inf if r["cost_usd"] is None else r["cost_usd"], r["step_time_s"]),
        "devices": lambda r: (r["devices"], r["step_time_s"]),
    }
    return sorted(rows, key=keys[rank])


def place_of(row: dict[str, Any], places: list[SearchPlace]) -> SearchPlace:
    """The place that a row belongs to."""
    return next(p for p in places if (p.place, p.devices) == (row["place"], row["devices"]))


def distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without layouts of the same time, bytes and devices as one before them (the simpler one comes first)."""
    seen: set[tuple[object, ...]] = set()
    left = []
    for row in rows:
        key = (row["step_time_s"], row["total_bytes"], row["devices"], *_cloud(row))
        if key not in seen:
            seen.add(key)
            left.append(row)
    return left


def degrees_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ranked rows with the best usual one of every choice of degrees first, then what else there is."""
    seen: set[tuple[object, ...]] = set()
    first: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for row in rows:
        key = (*_cloud(row), *(row[name] for name in ("devices", "tp", "pp", "cp", "ep")))
        if row["usual"] and key not in seen:
            seen.add(key)
            first.append(row)
        else:
            others.append(row)
    return [*first, *others]


def _cloud(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["place"], row["provider"]


def best_of_each_first(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Ranked rows with the best of every place and provider first, then the front of time and cost; how many are best.

    Where one place and provider is asked about, the order stays.
    """
    best = {_cloud(row): row for row in reversed(rows)}
    if len(best) == 1:
        return rows, 1
    first = [row for row in rows if row is best[_cloud(row)]]
    order = {id(row): row for row in (*first, *(rows[i] for i in pareto(rows)), *rows)}
    return list(order.values()), len(first)


def pareto(rows: list[dict[str, Any]]) -> list[int]:
    """Places of the rows that no other beats in time and cost (devices, where no price is known), fastest first."""
    spent = "cost_usd" if any(row["cost_usd"] is not None for row in rows) else "devices"
    front: list[int] = []
    least = math.inf
    known = [i for i, row in enumerate(rows) if row[spent] is not None]
    for index in sorted(known, key=lambda i: (rows[i]["step_time_s"], rows[i][spent])):
        worth = rows[index][spent]
        if worth < least:
            front.append(index)
            least = worth
    return front


def obvious(place: SearchPlace, best: dict[str, Any], given: dict[str, Any]) -> dict[str, Any] | None:
    """The layout people try first (TP of a node, fewest stages that fit, full recomputation) and why it lost."""
    fixed = [n for n in FIXED if given.get(n) is not None]
    if fixed:
        return None
    devices = place.devices
    tensor = min(place.node, 8)
    while tensor > 1 and devices % tensor:
        tensor //= 2
    for stages in (1, 2, 4, 8, 16, 32, 64):
        if devices % (tensor * stages) or stages > place.case.division.layers:
            continue
        if place.global_batch % (devices // (tensor * stages)):
            continue
        flags = {**place.flags, "tp": tensor, "pp": stages, "recompute": "full"}
        try:
            said = predict(**flags)
        except InputError:
            continue
        if said["memory"]["fits"]:
            return _lost(said, best, tensor, stages)
    return None


def _lost(said: Mapping[str, Any], best: dict[str, Any], tensor: int, stages: int) -> dict[str, Any]:
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
