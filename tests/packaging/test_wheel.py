"""The built wheel works outside the checkout: it holds the facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_plans_outside_the_checkout(tmp_path: Path) -> None:
    """Build, unpack somewhere else, run a plan and the demonstration from there."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import sys, mfu_planner; from mfu_planner.cli.main import main; "
        "print(mfu_planner.__file__, file=sys.stderr); main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

    planned = run(
        *("plan", "--model", "gpt2", "--hardware", "h100-sxm", "--devices", "8"),
        *("--tokens", "10B", "--mfu", "0.4", "--json"),
    )
    shown = run("demo")

    assert str(site) in planned.stderr
    assert json.loads(planned.stdout)["devices"] == 8
    assert "30.84M" in shown.stdout
