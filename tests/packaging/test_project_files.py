"""What other services read: workflows, issue forms, citation, locks, the Space; valid, and of one mind."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

import mfu_planner

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = SETTINGS["project"]
GITHUB = ROOT / ".github"
FORMS = sorted(p for p in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if p.name != "config.yml")
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
        ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_files_follow_their_schema(schema: str, files: list[Path]) -> None:
    """By the schemas that the services publish."""
    assert files
    done = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, *map(str, files)])
    assert done.exit_code == 0, done.output


def test_workflows_ask_for_the_least() -> None:
    """Read-only unless a job says more; a checkout keeps no credentials; nothing from an event runs in a shell."""
    for path in WORKFLOWS:
        flow = yaml.safe_load(path.read_text("utf-8"))
        assert flow["permissions"] == {"contents": "read"}, path.name
        for step in (step for job in flow["jobs"].values() for step in job["steps"]):
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", ""), f"{path.name}: {step['run']}"


def test_every_python_of_the_metadata_is_tested_on_three_systems() -> None:
    """The classifiers, the matrix of tests and that of releases name the same versions."""
    said = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)}
    for name, job in (("test", "platforms"), ("release", "test")):
        flow = yaml.safe_load((GITHUB / "workflows" / f"{name}.yml").read_text("utf-8"))
        matrix = flow["jobs"][job]["strategy"]["matrix"]
        assert set(matrix["python"]) == said
        assert {o.split("-")[0] for o in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_the_citation_is_of_this_version() -> None:
    """Version, licence and addresses are those of the package."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == mfu_planner.__version__
    assert cited["license"] == PROJECT["license"]
    assert cited["repository-code"] == PROJECT["urls"]["Homepage"]


@pytest.mark.parametrize(("name", "extras"), [("requirements.lock", ["ui"]), ("requirements-dev.lock", ["ui", "dev"])])
def test_locks_pin_and_hash_everything(name: str, extras: list[str]) -> None:
    """Each line has a version and hashes; no host is named; every direct requirement is in it, torch is not."""
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    entries = re.findall(r"^([\w.-]+)==[^\n]+\\\n(?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S", text, re.MULTILINE))
    wanted = [*PROJECT["dependencies"], *(r for e in extras for r in PROJECT["optional-dependencies"][e])]
    pinned = {_plain(n) for n in entries}
    assert {_plain(re.split(r"[<>=!~;\[ ]", r)[0]) for r in wanted} <= pinned
    assert "torch" not in pinned


def test_developers_run_what_users_run() -> None:
    """The developers' lock holds every line of the users'."""
    users, developers = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert users <= developers


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_space_serves_the_port_that_it_names() -> None:
    """A Space of the Docker kind: the port of its card is the one that the form listens on, for everyone."""
    folder = ROOT / "deploy" / "huggingface"
    card = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1])
    docker = (folder / "Dockerfile").read_text("utf-8")
    assert card["sdk"] == "docker"
    (command,) = re.findall(r"^CMD (\[.*\])$", docker, re.MULTILINE)
    words = yaml.safe_load(command)
    assert words[:2] == ["mfu-planner", "app"]
    assert words[words.index("--port") + 1] == str(card["app_port"])
    assert words[words.index("--address") + 1] == "0.0.0.0"
    assert "USER planner" in docker
