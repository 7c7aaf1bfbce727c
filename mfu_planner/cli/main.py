"""``mfu-planner``: commands are imported when they are run, so that ``--help`` answers at once."""

from __future__ import annotations

import io
import itertools
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mfu_planner.cli.start import INTERRUPTED
from mfu_planner.errors import NoAnswer, PlannerError

_COMMANDS = {
    "plan": "Time, device-hours, cost and energy of a training run; solves for whatever is left out.",
    "mfu": "MFU and HFU from an observed throughput, and whether the number can be right.",
    "flops": "A model's parameters and FLOPs, operator by operator, under any convention.",
    "hardware": "The accelerator catalogue: peaks, memory, links, every figure with its source.",
    "models": "The model presets, each with the source of its config.",
    "record": "A model's operators from its own code in transformers, for types that are not known here.",
    "memory": "Bytes per device for a layout: does it fit?",
    "predict": "Step time and MFU that a layout will reach, with a waterfall from the peak.",
    "search": "The best parallel layouts for a model on a cluster.",
    "log": "Throughput and MFU from a training log.",
    "watch": "A running job: MFU, expected finish and cost, alarms; Prometheus and OpenTelemetry.",
    "trace": "Where the time of a profiler trace went.",
    "diagnose": "Why the MFU is low and what to change first.",
    "probe": "Your own device measured through torch: --machine takes it.",
    "calibrate": "A software stack of your own, from a few measured steps: --stack takes it.",
    "backtest": "Predictions against published runs.",
    "demo": "Llama 3.1 405B in both directions, beside the published figures.",
    "app": "Serve the web form.",
    "help": "The help of a command.",
    "mcp": "Serve these calls to an agent (Model Context Protocol).",
}


class _NobodyReads(Exception):
    """The pipe behind stdout is closed: no error, but an end."""


class _Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


class _LazyGroup(click.Group):
    """Knows each command's name and one-line help without importing it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and hand over all that it has printed."""
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _NobodyReads from error
        except KeyboardInterrupt as error:
            raise _Interrupted from error  # of its own: Click would print an empty line first
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS or cmd_name == "help":
            return None
        command: click.Command = import_module(f"mfu_planner.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            from mfu_planner.errors import InputError, nearest

            known = self.list_commands(ctx)
            raise InputError("command", args[0], ", ".join(known), nearest(args[0], known))
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mfu-planner", prog_name="mfu-planner")
def group() -> None:
    """Plan a training run, and turn observed throughput into MFU.

    MFU (model FLOPs utilization) = the FLOP/s that a run puts into the model's own mathematics ÷ the peak FLOP/s of its
    hardware.
    """


def main(args: list[str] | None = None) -> Any:
    """Run a command; exit 2 on bad input and 1 where there is no answer, each with one line on stderr."""
    asked = _understood(sys.argv[1:] if args is None else args)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # ours has none; finding that out reads every package
    _open_streams()
    try:
        status = group.main(args=asked, prog_name="mfu-planner", standalone_mode=False)
        if isinstance(status, int) and status:
            sys.exit(status)  # of a command that was watched
    except NoAnswer as outcome:
        _fail(outcome, 1, asked)
    except PlannerError as error:
        _fail(error, 2, asked)
    except (click.exceptions.Abort, KeyboardInterrupt, _Interrupted):
        _fail(PlannerError("interrupted"), INTERRUPTED, asked)
    except click.ClickException as error:
        from mfu_planner.cli.refusal import as_input_error

        _fail(as_input_error(error), 2, asked)
    except _NobodyReads:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: nothing is left to flush
        sys.exit(0)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(PlannerError(f"{error.strerror or error}{where}"), 1, asked)


def _open_streams() -> None:
    """Streams that take any text: one that is closed leads nowhere, one of an old code page shows "?" for "÷"."""
    nowhere = os.devnull
    sys.stdout = sys.stdout or Path(nowhere).open("w", encoding="utf-8")  # noqa: SIM115  it lives as long as we do
    sys.stderr = sys.stderr or Path(nowhere).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stdin = sys.stdin or Path(nowhere).open(encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _understood(args: list[str]) -> list[str]:
    """The arguments as flags: no command is a wish for help, and so is ``help COMMAND``."""
    if not args:
        return ["--help"]
    return [*args[1:2], "--help"] if args[0] == "help" else list(args)


def _fail(error: PlannerError, status: int, args: list[str]) -> None:
    """One line on stderr, an object where the answer was to be one."""
    text = " ".join(str(error).split())
    if "--json" in args or "--format=json" in args or ("--format", "json") in itertools.pairwise(args):
        import json

        print(json.dumps({**error.as_json(), "message": text}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"mfu-planner: {text}", file=sys.stderr)
    sys.exit(status)
