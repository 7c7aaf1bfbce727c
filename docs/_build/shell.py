"""The little of a shell that examples use: ``mfu-planner …``, ``| head -n N``, ``| grep WORD``, ``> FILE``."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from sources import ROOT

LONGEST_S = 60
"""An example that takes longer is stopped."""

_VOLATILE = ((re.compile(r"(?<= layouts in )[\d.]+(?= s)"), "…"),)
"""Parts of an output that differ from run to run."""
_OTHERS = ("git", "pip", "cd", "python", "docker", "export")
"""Commands of others: not run."""


class ShellError(Exception):
    """A command that cannot be run here, or that is no command of the project."""


def run(command: str) -> tuple[str, int]:
    """Output (stdout, then stderr where it fails) and exit status of one command in the current folder."""
    words = _words(command)
    if not words:
        return "", 0
    if words[0] == "make":
        return "", _make(words[1:])
    if words[0] == "mkdir":
        Path(words[-1]).mkdir(parents=True, exist_ok=True)
        return "", 0
    if words[0] in _OTHERS:
        return "", 0
    if words[0] != "mfu-planner":
        raise ShellError(f"{words[0]!r} is no command of the project")
    first, *pipes = _split(words[1:])
    output, status = _planner(first)
    for pipe in pipes:
        output = _piped(output, pipe)
    return output, status


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    return list(lexer)


def _split(words: list[str]) -> list[list[str]]:
    """Parts between pipes; ``> FILE`` becomes a last part."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            parts.append([])
        elif word == ">":
            parts.append([">"])
        else:
            parts[-1].append(word)
    return parts


def _make(targets: list[str]) -> int:
    """Whether the Makefile has the targets (they are not run)."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in targets:
        if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
            raise ShellError(f"the Makefile has no target {target!r}")
    return 0


def _planner(arguments: list[str]) -> tuple[str, int]:
    from mfu_planner.cli.main import group, main

    if arguments[:1] == ["app"]:  # it would serve until stopped: its flags are read and that is all
        found = group.get_command(None, "app")  # type: ignore[arg-type]
        assert found is not None
        found.make_context("app", arguments[1:], help_option_names=["-h", "--help"])
        return "", 0
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with _at_most(LONGEST_S), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
    text = out.getvalue() + (err.getvalue() if status else "")
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text, status


def _piped(text: str, pipe: list[str]) -> str:
    lines = text.splitlines()
    match pipe:
        case ["head", "-n", number]:
            lines = lines[: int(number)]
        case ["tail", "-n", number]:
            lines = lines[-int(number) :]
        case ["grep", word]:
            lines = [line for line in lines if re.search(word, line)]
        case [">", file]:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, "utf-8")
            return ""
        case _:
            raise ShellError(f"cannot pipe into {' '.join(pipe)!r}")
    return "\n".join(lines)


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"an example ran for more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
