"""The model on the hardware, resolved: work per token, peak rate, and where each came from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from mfu_planner.counting.remembered import remembered
from mfu_planner.errors import InputError
from mfu_planner.hardware import Accelerator, resolve
from mfu_planner.operators import Workload
from mfu_planner.questions.amiss import beyond_learned, in_its_format
from mfu_planner.questions.device_count import count_devices
from mfu_planner.questions.model import Model, model_of
from mfu_planner.questions.runs import Run
from mfu_planner.questions.training import trained, workload
from mfu_planner.run import Derived

if TYPE_CHECKING:
    from mfu_planner.architectures.model import Architecture
    from mfu_planner.numeric import Number

BARE_CONVENTION = "6n"
"""The only convention that a bare number of parameters allows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What plan and measure are about."""

    model: Model | None
    accelerator: Accelerator | None
    convention: str
    """Empty where neither a model nor a convention was named."""
    flops_per_token: Fraction | None
    """Training FLOP per work unit under the convention; None where no model was named."""
    peak_flops_per_s: float
    peak_dtype: str
    sparse: bool
    devices: int | None
    seq_len: int | None
    target_seq_len: int | None
    work: Workload
    """One sequence, or the batch that packed documents fill."""
    warnings: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    """Key of a quantity → where its value comes from."""
    scenario: Run | None = None
    """What was asked."""

    def work_steps(self) -> tuple[Derived, ...]:
        """How the work per unit was counted: the formula of each operator group and of their sum, numbers put in."""
        if self.model is None or self.model.architecture is None or self.scenario is None:
            return ()
        from mfu_planner.counting.conventions import convention
        from mfu_planner.questions.lettered import Lettered

        return Lettered(self.scenario, self.work, convention(self.convention)).steps()

    @property
    def units_per_sequence(self) -> int:
        """Work units (tokens, or one sample) in a sequence."""
        if self.model is None or self.model.work_unit == "sample":
            return 1
        return (self.seq_len or 0) + (self.target_seq_len or 0)


def resolve_subject(s: Run, *, model_needed: bool = True) -> Subject:
    """Look up the model, its work and the peak rate.

    Raises
    ------
    InputError
        Anything that is unknown, missing or contradictory.
    """
    warnings: list[str] = []
    sources: dict[str, str] = {}
    accelerator = _accelerator(s, warnings)
    if accelerator is not None and s.peak is None and s.peak_dtype is None:
        s = in_its_format(s, accelerator, warnings)
    peak = _peak(s, accelerator, sources, warnings)
    devices = count_devices(s, accelerator, warnings)
    named = any(v is not None for v in (s.model, s.config, s.params))
    if not named and not model_needed:
        return Subject(
            None,
            accelerator,
            _stated_convention(s, warnings),
            None,
            peak,
            s.peak_dtype or s.dtype,
            s.sparse,
            devices,
            s.seq_len,
            s.target_seq_len,
            workload(s, s.seq_len, s.target_seq_len),
            tuple(warnings),
            sources,
        )
    model = trained(model_of(s), s)
    warnings.extend(model.notes)
    convention = _convention(s, model, warnings)
    seq_len, target = choose_lengths(s.seq_len, s.target_seq_len, model, convention, warnings, sources)
    work = workload(s, seq_len, target)
    per_token = _work_per_token(model, convention, work)
    if model.architecture is None:
        sources["flops_per_token"] = f"6 × {model.active_params:,} active parameters (convention {convention})"
    else:
        sources["flops_per_token"] = f"operators of {model.name} ({model.source}), convention {convention}"
    return Subject(
        model,
        accelerator,
        convention,
        per_token,
        peak,
        s.peak_dtype or s.dtype,
        s.sparse,
        devices,
        seq_len,
        target,
        work,
        tuple(warnings),
        sources,
        s,
    )


def _accelerator(s: Run, warnings: list[str]) -> Accelerator | None:
    if s.hardware is None and s.peak is None:
        raise InputError(
            "hardware", "nothing", "--hardware NAME (`mfu-planner hardware` lists them) or --peak '989 TFLOP/s'"
        )
    accelerator = resolve(s.hardware) if s.hardware is not None else None
    if accelerator is not None and accelerator.resolved_note:
        warnings.append(accelerator.resolved_note)
    return accelerator


def _peak(s: Run, accelerator: Accelerator | None, sources: dict[str, str], warnings: list[str]) -> float:
    if s.peak is not None:
        sources["peak_flops_per_s"] = "given"
        return s.peak
    assert accelerator is not None
    dtype = s.peak_dtype or s.dtype
    try:
        peak = accelerator.peak_flops_per_s(dtype, sparse=s.sparse)
    except InputError as error:
        field = "dtype" if s.peak_dtype is None else "peak-dtype"
        raise InputError(field, dtype, error.accepted, error.nearest) from None
    basis = "sparse" if s.sparse else "dense"
    if s.peak_dtype is None and not s.says("dtype"):
        warnings.append(f"peak of {dtype}, {basis}: the default number format; --dtype changes it")
    where = accelerator.source_of(f"peak.{dtype}")["url"]
    sources["peak_flops_per_s"] = f"{accelerator.name}, {dtype} {basis}, per {accelerator.device_kind}: {where}"
    return peak


def _convention(s: Run, model: Model, warnings: list[str]) -> str:
    if model.architecture is None:
        if s.convention not in (None, "all", BARE_CONVENTION):
            raise InputError(
                "convention", s.convention, f"{BARE_CONVENTION} with --params; --model or --config allow the others"
            )
        warnings.append(
            "a bare number of parameters allows only the 6n convention: 6 FLOP per active parameter and token, no "
            "attention; --model or --config count exactly"
        )
        return BARE_CONVENTION
    from mfu_planner.counting.conventions import convention, default_convention, why_default

    default = default_convention(model.architecture)
    if s.convention is None:
        warnings.append(f"work counted by the {default} convention, {why_default(default)}; --convention changes it")
    return convention(default if s.convention in (None, "all") else s.convention).name


def _stated_convention(s: Run, warnings: list[str]) -> str:
    """How somebody's FLOP/s were counted, where the user says so."""
    if s.convention in (None, "all"):
        warnings.append(
            "the FLOP/s are taken as given: --convention can say how they were counted, --model checks them"
        )
        return ""
    from mfu_planner.counting.conventions import convention

    return convention(s.convention).name


def choose_lengths(
    seq_len: int | None, target: int | None, model: Model, convention: str, warnings: list[str], sources: dict[str, str]
) -> tuple[int | None, int | None]:
    """Positions per sequence, and per decoder sequence of an encoder–decoder: as given, else the model's own."""
    length = _sequence(seq_len, target, model, convention, warnings, sources)
    least = model.architecture.least_length if model.architecture is not None else 1
    if length is not None and length < least:
        raise InputError("seq-len", length, f"at least {least}: the convolutions of {model.name} leave nothing of less")
    if seq_len is not None and model.architecture is not None:
        warnings += beyond_learned(length, model.architecture, model.name)
    return length, _target(target, model)


def _sequence(
    given: int | None, target: int | None, model: Model, convention: str, warnings: list[str], sources: dict[str, str]
) -> int | None:
    arch = model.architecture
    if arch is None:
        return given
    if arch.fixed_length is not None and not arch.has_text:
        if given not in (None, arch.fixed_length):
            raise InputError(
                "seq-len", given, f"nothing, or {arch.fixed_length}: the image size fixes it (--image-size changes it)"
            )
        return arch.fixed_length
    if given is None and target is not None and _speech(model):
        return target
    if given is not None:
        if given % 1000 == 0:
            near = f"the power of two beside it is {_binary(given):,}"
            warnings.append(f"seq_len {given:,}: K is 1,000 here; {near}")
        return given
    if model.seq_len is not None:
        sources["seq_len"] = model.seq_len_source
        warnings.append(f"seq_len {model.seq_len:,}: the length that {model.name} was trained at; --seq-len changes it")
        return model.seq_len
    if convention == BARE_CONVENTION:
        return 1
    raise InputError("seq-len", "nothing", f"a length such as {_suggested(model)}")


def _suggested(model: Model) -> str:
    """A length to ask with, and why one is needed; where the config allows positions, they are the suggestion."""
    if model.architecture is not None and model.architecture.text_tokens:
        return f"--seq-len {model.architecture.text_tokens}, the text that its pipeline in diffusers takes"
    if not model.positions:
        return "--seq-len 4096: attention's work depends on it"
    why = "no source says at which length it was trained" if model.id else "a config does not say the training length"
    return (
        f"--seq-len {model.positions}, the positions that the config of {model.name} allows: attention's work "
        f"depends on it, and {why}"
    )


def _binary(length: int) -> int:
    """The power of two nearest to a length in thousands."""
    return 1 << round(math.log2(length))


def _speech(model: Model) -> bool:
    """Whether the source's length is fixed (audio frames), so that the decoder's length is the only one."""
    arch = model.architecture
    return arch is not None and arch.encoder_decoder and not arch.uses_target


def _target(given: int | None, model: Model) -> int | None:
    arch = model.architecture
    if arch is None or not arch.uses_target:
        if given is not None and not _speech(model):
            raise InputError("target-seq-len", given, "nothing: only encoder–decoders have one")
        return None
    if given is None:
        raise InputError("target-seq-len", "nothing", "the decoder's length, such as --target-seq-len 512")
    return given


def _work_per_token(model: Model, convention: str, work: Workload) -> Fraction:
    if model.architecture is None:
        return Fraction(6 * model.active_params)
    return Fraction(_counted(model.architecture, work, convention))


@remembered
def _counted(architecture: Architecture, work: Workload, convention: str) -> Number:
    """Training FLOP per work unit: asked anew for every rate that was observed of the same model."""
    from mfu_planner.counting.conventions import flops_per_unit

    return flops_per_unit(architecture, work, convention)
