"""``mfu-planner app``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from mfu_planner.errors import InputError


@click.command("app")
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--address", default="localhost", show_default=True, help="Address to listen on; 0.0.0.0 for everyone.")
def command(port: int, address: str) -> None:
    """Serve the web form (needs the extra `ui`)."""
    if find_spec("streamlit") is None:
        raise InputError("app", "an installation without the web form", "pip install 'mfu-planner[ui]'")
    package = Path(__file__).resolve().parents[1]
    here = package.parent / "app.py"
    script = here if here.is_file() else package / "_data" / "app.py"
    from streamlit.web import cli

    from mfu_planner.ui.warm import warm

    warm()
    serve = ["run", str(script), f"--server.port={port}", f"--server.address={address}"]
    cli.main(serve, prog_name="streamlit")
