"""``plan.yaml``: the flags as keys, and stages (context extension, several batch sizes) that are summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfu_planner.answers.plan import plan
from mfu_planner.answers.planned import Plan
from mfu_planner.answers.providers import over_providers
from mfu_planner.errors import InputError, NoAnswer, nearest
from mfu_planner.questions.question import asks, names
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.run import solve
from mfu_planner.units import HOUR, format_value, parse

_PER_STAGE = tuple(name for name, asked in asks(PlanQuestion).items() if asked.ask.stage)
"""What a stage may state for itself; everything else is said once, above."""
_OF_THE_SUM = (
    *("mfu", "goodput", "flops_per_token", "achieved_flops_per_s_per_device"),
    *("tokens_per_s", "tokens_per_s_per_device"),
)
"""What follows of the sums of all stages, on the devices that were busy on average."""
_AGREE = 1e-6
_MOST_STAGES = 1000


def read_plan_file(path: str | Path) -> dict[str, Any]:
    """The keys of a ``plan.yaml``, with underscores.

    Raises
    ------
    InputError
        The file cannot be read, or is no mapping.
    """
    from mfu_planner.facts import load_file

    if not Path(path).is_file():
        raise InputError("file", str(path), "the path of a plan.yaml")
    data = load_file(Path(path))
    if not isinstance(data, Mapping):
        raise InputError("file", str(path), "a YAML mapping of flags, such as `model: llama-3.1-8b`")
    fields: dict[str, Any] = _typed(data)
    if isinstance(stages := fields.get("stages"), list):
        fields["stages"] = [_typed(stage) for stage in stages]
    return fields


def _typed(data: Any) -> Any:
    """Keys as fields; a number where a unit is needed becomes text, since it says no unit."""
    if not isinstance(data, Mapping):
        return data
    fields = {_field(k): v for k, v in data.items()}
    unclear = {name for name, asked in asks(PlanQuestion).items() if not asked.ask.bare}
    return {k: str(v) if k in unclear and isinstance(v, int | float) else v for k, v in fields.items()}


def _field(key: Any) -> str:
    """A key as the name of a field: a flag's spelling and other names are taken."""
    name = str(key).replace("-", "_")
    return names(PlanQuestion).get(name, name)


def plan_file(path: str | Path, **flags: Any) -> Plan:
    """Plan from a file; ``flags`` win over its keys, those of its stages too (``tokens`` must be their sum).

    ``specs`` names a folder of own hardware, from the file's place.
    """
    data = read_plan_file(path)
    own = data.pop("specs", None)
    if own is not None:
        from mfu_planner.hardware import own_specs

        with own_specs(*(Path(path).parent / str(part) for part in ([own] if isinstance(own, str) else own))):
            return _planned(data, flags)
    return _planned(data, flags)


def _planned(data: dict[str, Any], flags: dict[str, Any]) -> Plan:
    if isinstance(data.get("stages"), list):
        win = {k for k, v in flags.items() if v is not None} - {"tokens"}
        data["stages"] = [_without(stage, win) for stage in data["stages"]]
    return plan_stages({**data, **flags})


def _without(stage: Any, flags: set[str]) -> Any:
    """A stage without the keys that a flag gives for all of them."""
    if not isinstance(stage, Mapping):
        return stage
    return {k: v for k, v in stage.items() if _field(k) not in flags}


def plan_stages(given: Mapping[str, Any]) -> Plan:
    """Plan one run, or each stage of it and their sum.

    Raises
    ------
    InputError
        A stage states what belongs above it, or the stages' tokens contradict the total.
    NoAnswer
        The sum misses the deadline or the budget.
    """
    if (compared := over_providers(given, plan_stages)) is not None:
        return compared
    rest = {k: v for k, v in given.items() if k != "stages"}
    stages = given.get("stages")
    if stages is None:
        return plan(**rest)
    if not isinstance(stages, Sequence) or isinstance(stages, str) or not 1 <= len(stages) <= _MOST_STAGES:
        given_as = f"{len(stages)} stages" if isinstance(stages, list) else type(stages).__name__
        raise InputError("stages", given_as, f"a list of 1 to {_MOST_STAGES} stages")
    limits = {k: rest.pop(k) for k in ("deadline", "budget") if rest.get(k) is not None}
    stated = rest.pop("tokens", None)
    parts = [_stage(i, stage, rest) for i, stage in enumerate(stages, 1)]
    total = _sum(parts, {k: v for k, v in given.items() if k != "explain"})
    if stated is not None:
        said = parse(stated, "token", field="tokens")
        if abs(said / total.tokens - 1) > _AGREE:
            raise InputError(
                "tokens",
                format_value(said, "token"),
                f"nothing, or the sum of the stages: {format_value(total.tokens, 'token')} "
                f"({said / total.tokens - 1:+.2%} off)",
            )
    return _within(total, limits)


def _stage(number: int, stage: Any, above: Mapping[str, Any]) -> Plan:
    if not isinstance(stage, Mapping):
        raise InputError(f"stages[{number}]", type(stage).__name__, f"a mapping with keys of {', '.join(_PER_STAGE)}")
    own = {_field(k): v for k, v in stage.items()}
    own.pop("name", None)
    for key in own:
        if key not in _PER_STAGE:
            raise InputError(f"stages[{number}]", key, f"name, {', '.join(_PER_STAGE)}", nearest(key, _PER_STAGE))
    try:
        return plan(**{**above, **own})
    except InputError as error:
        if error.field.replace("-", "_") in above:
            raise
        raise InputError(f"stages[{number}]: {error.field}", error.given, error.accepted, error.nearest) from None
    except NoAnswer as outcome:
        raise NoAnswer(f"stages[{number}]: {outcome}") from None


def _by_part(found: Sequence[dict[str, float] | None]) -> dict[str, float] | None:
    known = [f for f in found if f is not None]
    return {name: sum(f[name] for f in known) for name in known[0]} if len(known) == len(found) else None


def _sum(parts: Sequence[Plan], inputs: dict[str, Any]) -> Plan:
    def total(name: str) -> float:
        return float(sum(getattr(p, name) for p in parts))

    def total_or_none(name: str) -> float | None:
        return None if any(getattr(p, name) is None for p in parts) else total(name)

    first = parts[0]
    if any(p.mfu is None for p in parts):
        raise InputError("mfu", "nothing", "an MFU such as 40% for every stage, or --predict")
    flops, tokens, productive = total("total_flops"), total("tokens"), total("productive_time_s")
    busy = sum(p.devices * p.productive_time_s for p in parts)
    hours, cost = total("device_hours"), total_or_none("cost_usd")
    peak = sum(p.peak_flops_per_s * p.devices * p.productive_time_s for p in parts) / busy
    known = {"total_flops": flops, "tokens": tokens, "peak_flops_per_s": peak, "devices": busy / productive}
    run = solve({**known, "productive_time_s": productive, "device_time_s": hours * HOUR}, _OF_THE_SUM)
    return first.model_copy(
        update={
            "inputs": inputs,
            "solved_for": tuple(dict.fromkeys(n for p in parts for n in p.solved_for)),
            "training_time_s": total("training_time_s"),
            "productive_time_s": productive,
            "device_hours": hours,
            "cost_usd": cost,
            "energy_kwh": total_or_none("energy_kwh"),
            **{name: _by_part([getattr(p, name) for p in parts]) for name in ("energy", "co2_kg")},
            **{name: total_or_none(name) for name in ("energy_total_kwh", "co2_total_kg")},
            "gap_cost_usd_per_day": None,
            "gap_device_hours": total_or_none("gap_device_hours"),
            "interruptions_per_day": None,
            "tokens": tokens,
            "devices": max(p.devices for p in parts),
            "devices_exact": max(p.devices_exact for p in parts),
            **{name: run[name] for name in _OF_THE_SUM},
            "price_usd_per_device_hour": None if cost is None else cost / hours,
            "total_flops": flops,
            "peak_flops_per_s": peak,
            "seq_len": first.seq_len if len({p.seq_len for p in parts}) == 1 else None,
            "range": None,
            "predicted": None,
            "optimizer_steps": total_or_none("optimizer_steps"),
            "step_time_s": None,
            "stages": tuple(parts),
            "steps": (),
            "sources": {k: v for p in parts for k, v in p.sources.items()},
            "warnings": tuple(dict.fromkeys(w for p in parts for w in p.warnings)),
        }
    )


def _within(total: Plan, limits: Mapping[str, Any]) -> Plan:
    slack: dict[str, float] = {}
    for name, dimension, value, key in (
        ("deadline", "time", total.training_time_s, "deadline_slack_s"),
        ("budget", "usd", total.cost_usd, "budget_slack_usd"),
    ):
        if name not in limits or value is None:
            continue
        limit = parse(limits[name], dimension, field=name)
        if value > limit:
            raise NoAnswer(
                f"{name} {format_value(limit, dimension)} cannot be met: "
                f"the stages take {format_value(value, dimension)} "
                "together; give more devices, fewer tokens or a larger limit"
            )
        slack[key] = limit - value
    return total.model_copy(update=slack)
