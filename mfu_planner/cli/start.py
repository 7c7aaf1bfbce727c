"""Where the command begins: an interrupt while it is being loaded, or while it ends, is one line, too."""

from __future__ import annotations

import contextlib
import os
import signal

INTERRUPTED = 130
"""The exit status: what a shell gives a command that an interrupt ended."""


def main() -> None:
    """Load the command line and run it."""
    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, _stop)
    from mfu_planner.cli.main import main as command

    try:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # at work, an interrupt may have to tidy up
        command()
    except KeyboardInterrupt:  # before or after the command's own care
        _stop()
    finally:
        if mine:
            signal.signal(signal.SIGINT, _stop)


def _stop(*_: object) -> None:
    """End at once: nothing is open while the command is loaded, and nothing more is to be done when it ends."""
    with contextlib.suppress(OSError):  # nobody may read
        os.write(2, b"mfu-planner: interrupted\n")
    os._exit(INTERRUPTED)
