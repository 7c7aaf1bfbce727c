"""What the command-line parser refuses, said as everything else is: field, given, accepted, nearest."""

from __future__ import annotations

import click

from mfu_planner.errors import InputError, PlannerError, nearest

_MEANT = {
    "params": ("--model", "--config"),  # work of layers needs their sizes
    "mfu": ("--reported-mfu",),
    "batch_size": ("--global-batch", "--micro-batch"),
    "per_device_train_batch_size": ("--micro-batch",),
    "gradient_accumulation_steps": ("--global-batch",),
    "lora": ("--lora-rank",),
    "qlora": ("--lora-rank", "--base-dtype"),
    "load_in_4bit": ("--base-dtype",),
    "quantization": ("--base-dtype",),
    "time": ("--deadline", "--step-time"),
    "duration": ("--deadline",),
    "cost": ("--budget", "--price"),
    "epochs": ("--tokens",),
    "gradient_checkpointing": ("--recompute",),
    "activation_checkpointing": ("--recompute",),
    "fsdp": ("--zero",),
    "ddp": ("--zero",),
    "flash_attention": ("--attention-kernel",),
}
"""What people call things that other flags say, and those flags."""


def as_input_error(error: click.ClickException) -> PlannerError:
    """The parser's complaint as an InputError."""
    if isinstance(error, click.NoSuchOption):
        from mfu_planner.questions.commands import every_name

        close = nearest(error.option_name, _flags(error.ctx))
        where = f"`{_path(error)} --help` lists the flags"
        name = error.option_name.lstrip("-").replace("-", "_")
        if name in every_name():
            where = f"nothing: `{_path(error)}` does not use it; {where}"
        close = _meant(name, _flags(error.ctx)) or close
        return InputError("flag", error.option_name, where, close)
    if isinstance(error, click.BadOptionUsage):
        alone = "not take a value" in error.message
        accepted = "the flag alone, without a value" if alone else f"a value behind it: {error.option_name} VALUE"
        return InputError(error.option_name.lstrip("-"), "a value" if alone else "nothing", accepted)
    if isinstance(error, click.MissingParameter):
        name = error.param.make_metavar(error.ctx) if error.param and error.ctx else "argument"
        return InputError(name.strip(".[]"), "nothing", f"at least one {name.strip('.[]')}: `{_path(error)} --help`")
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error, error.param)
    if isinstance(error, click.UsageError) and "unexpected extra argument" in error.message:
        given = error.message.partition("(")[2].removesuffix(")")
        return InputError("argument", given, "flags only; a value with spaces is quoted, such as --price '2.5 $/h'")
    return PlannerError(error.format_message())


def _meant(name: str, flags: list[str]) -> tuple[str, ...]:
    """The flag that says it, where a name is a value, or asks for what another flag describes."""
    from mfu_planner.hardware import dtype_key

    if meant := tuple(flag for flag in _MEANT.get(name, ()) if flag in flags):
        return meant
    try:
        return (f"--dtype {dtype_key(name)}",) if "--dtype" in flags else ()
    except InputError:
        return ()


def _bad_value(error: click.BadParameter, param: click.Parameter) -> InputError:
    field, kind = (param.name or "value").replace("_", "-"), param.type
    quoted = error.message.startswith("'") and error.message.count("'") > 1
    given = error.message.split("'")[1] if quoted else error.message.split(" is not ")[0]
    if isinstance(kind, click.Choice):
        return InputError(field, given, ", ".join(kind.choices), nearest(given, kind.choices))
    if isinstance(kind, click.IntRange):
        return InputError(field, given, f"a whole number from {kind.min} to {kind.max}")
    return InputError(field, given, "a whole number" if kind is click.INT else f"see `{_path(error)} --help`")


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "mfu-planner"


def _flags(context: click.Context | None) -> list[str]:
    parameters = context.command.params if context else []
    shown = (p for p in parameters if isinstance(p, click.Option) and not p.hidden)
    return [name for p in shown for name in (*p.opts, *p.secondary_opts)]
