"""The built wheel, installed into an empty environment: its metadata bring what it needs, its lower bounds are true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, WHEEL = SETTINGS["project"], SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]
LEFT_OUT = re.compile(r"mfu_planner/_data/.*/(\w+\.py|data/.*)|" + "|".join(WHEEL["exclude"]))
"""Tools of the project's own."""
MOST_BYTES = 15_000_000
"""Of the wheel."""
MOST_INSTALLED = 60_000_000
"""Of everything installed beside NumPy and SymPy, without the form."""
PLAN = [
    "plan",
    "--model",
    "gpt2",
    "--hardware",
    "p5.48xlarge",
    "--devices",
    "8",
    "--tokens",
    "10B",
    "--mfu",
    "0.4",
    "--json",
]
OURS = ("PYTHONPATH", "MFU_PLANNER_SPECS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
"""What a user's shell has not."""
OTHERS = (
    "predict --model llama-3.1-8b --hardware h100-sxm --devices 64 --global-batch 512",
    "flops --model mixtral-8x7b --json",
    "plan --params 7B --hardware a100-sxm-80gb --devices 8 --tokens 1B --mfu 40% --explain",
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    (found,) = out.glob("*.whl")
    return found


def _run(*command: object, cwd: Path | None = None) -> str:
    """Run it without the checkout on the path; what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in OURS}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _empty(folder: Path, *requirements: object) -> tuple[Path, Path]:
    """A new environment with these requirements: its interpreter and its folder of scripts."""
    _run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    _run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *requirements)
    return python, scripts


def _locked(folder: Path) -> Path:
    """The lock's versions as constraints (a wheel built here has no hash in it)."""
    pinned = re.findall(r"^([\w.-]+==[^\\\n]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    path = folder / "constraints.txt"
    path.write_text("\n".join(pinned), "utf-8")
    return path


def test_the_wheel_plans_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Nothing but the wheel is asked for; its command, `python -m` and the demonstration run outside the checkout."""
    python, scripts = _empty(tmp_path / "env", "--constraint", _locked(tmp_path), wheel)

    _run(sys.executable, "-m", "uv", "pip", "check", "--quiet", "--python", python)
    where = _run(python, "-c", "import mfu_planner; print(mfu_planner.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where
    by_script = json.loads(_run(scripts / "mfu-planner", *PLAN, cwd=tmp_path))
    by_module = json.loads(_run(python, "-m", "mfu_planner", *PLAN, cwd=tmp_path))
    assert by_script == by_module
    assert by_script["price_usd_per_device_hour"] == pytest.approx(6.88)
    assert "30.84M" in _run(python, "-m", "mfu_planner", "demo", cwd=tmp_path)
    listed = json.loads(_run(sys.executable, "-m", "uv", "pip", "list", "--python", python, "--format", "json"))
    assert not {p["name"].lower() for p in listed} & {"scipy", "pandas", "streamlit", "torch", "mcp"}
    folders = json.loads(_run(python, "-c", "import json, site; print(json.dumps(site.getsitepackages()))"))
    heavy = re.compile(r"^(numpy|sympy|mpmath|pip|setuptools)([.-]|$)")
    tops = [top for folder in folders if Path(folder).is_dir() for top in Path(folder).iterdir()]
    files = [f for top in tops if not heavy.match(top.name) for f in ([top] if top.is_file() else top.rglob("*.*"))]
    assert sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc") < MOST_INSTALLED


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the lowest releases have wheels for 3.11 only")
def test_the_lower_bounds_hold(wheel: Path, tmp_path: Path) -> None:
    """Every run-time requirement at its lowest, the form's too: commands answer, the form's first page draws."""
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["ui"]]
    python, _ = _empty(tmp_path / "env", *(r.replace(">=", "==") for r in wanted), wheel)

    assert _run(python, "-W", "error", "-m", "mfu_planner", *PLAN, cwd=tmp_path)
    said = _run(
        python,
        "-W",
        "error",
        "-c",
        "import sys; from mfu_planner.cli.main import main; [main(line.split()) for line in sys.argv[1:]]",
        *OTHERS,
        cwd=tmp_path,
    )
    assert all(word in said for word in ("s per step", "Mixtral 8x7B", "device-hours")), said
    drawn = _run(
        python,
        "-c",
        "import mfu_planner, pathlib; from streamlit.testing.v1 import AppTest; "
        "page = pathlib.Path(mfu_planner.__file__).parent / '_data' / 'app.py'; "
        "shown = AppTest.from_file(str(page), default_timeout=600).run(); "
        "print(len(shown.exception), len(shown.text_input))",
        cwd=tmp_path,
    )
    exceptions, fields = drawn.split()
    assert exceptions == "0"
    assert int(fields) > 5


def test_the_wheel_is_small_and_says_what_it_is(wheel: Path) -> None:
    """Facts are in it, tests are not; addresses and licence stand in its metadata."""
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (metadata,) = (opened.read(n).decode() for n in names if n.endswith(".dist-info/METADATA"))
    assert any(n.endswith("_data/hardware_specs/prices.json") for n in names)
    assert not [n for n in names if n.startswith("tests/")]
    assert not [n for n in names if LEFT_OUT.match(n)]
    assert "License-Expression: MIT" in metadata
    assert metadata.count("Project-URL: ") >= 4
    relative = re.findall(r"\]\((?!https://|#)[^)]*\)", metadata)
    assert not relative, "the package index shows the README: its links are absolute"
