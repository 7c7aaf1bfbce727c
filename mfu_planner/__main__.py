"""``python -m mfu_planner``: the command line, where its script is not on the path."""

from __future__ import annotations

from mfu_planner.cli.start import main

main()
