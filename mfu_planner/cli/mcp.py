"""``mfu-planner mcp``."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import click

from mfu_planner.errors import InputError


@click.command("mcp")
@click.option("--folder", metavar="FOLDER", help="Files that a caller names are read below it; left out: none are.")
def command(folder: str | None) -> None:
    """Serve the planner's calls to an agent over standard input and output (needs the extra `mcp`).

    \b
    mfu-planner mcp --folder ./runs
    """
    if find_spec("mcp") is None:
        raise InputError("mcp", "an installation without it", "pip install 'mfu-planner[mcp]'")
    root = None if folder is None else Path(folder)
    if root is not None and not root.is_dir():
        raise InputError("folder", folder, "a folder that exists")
    from mfu_planner.agent.server import server

    if root is not None:
        os.chdir(root)  # so that no answer shows where the folder lies
    server(None if root is None else Path()).run("stdio")
