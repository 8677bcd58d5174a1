"""What deploy/Dockerfile puts in the images is what the programs in them need; no engine is needed."""

import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import locks
from local import process
from local.ports import free_port

ROOT = locks.ROOT
# Hides the packages that an image does not install, then imports what it runs.
IN_THE_IMAGE = """
import importlib.metadata, re, sys
installed = set(sys.argv[1].split(","))
owners = importlib.metadata.packages_distributions()

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        names = {re.sub("[-_.]+", "-", owner).lower() for owner in owners.get(name.split(".")[0], ())}
        if names and not names & installed:
            raise ModuleNotFoundError(f"{name} is not installed in the image")

sys.meta_path.insert(0, NotInstalled())
sys.path.insert(0, ".")
for program in sys.argv[2:]:
    __import__(program)
"""


def copied(target: str) -> list[str]:
    """Return the paths that the Dockerfile copies into the stage."""
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    stage = re.split(r"^FROM ", text, flags=re.MULTILINE)
    lines = next(part for part in stage if part.splitlines()[0].endswith(f"AS {target}")).splitlines()
    words = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    return [word for group in words for word in group if not word.endswith(".lock")]


@pytest.mark.parametrize(
    ("target", "lock", "programs"),
    [
        ("worker", locks.WORKER, ["worker", "starter", "api.__main__"]),
        ("simulators", locks.SIMULATORS, ["simulators.stripe.__main__", "simulators.paypal.__main__"]),
    ],
)
def test_the_programs_of_an_image_find_everything_in_it(
    tmp_path: Path, target: str, lock: Path, programs: list[str]
) -> None:
    """A container does not fail at its start for a file that was not copied or a package that was not installed."""
    for name in copied(target):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    installed = ",".join(locks.blocks(lock.read_text()))
    subprocess.run([sys.executable, "-I", "-c", IN_THE_IMAGE, installed, *programs], cwd=tmp_path, check=True)


@pytest.mark.parametrize("target", ["worker", "simulators"])
def test_nothing_copied_is_kept_out_of_the_build(target: str) -> None:
    """.dockerignore lets in what the Dockerfile copies, and no more than the repository's own files."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied(target)) <= allowed


def test_images_do_not_run_as_root() -> None:
    """A program that is taken over cannot change its own image."""
    stages = re.split(r"^FROM ", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)[2:]
    assert len(stages) == 2
    assert all("\nUSER quittance\nCMD " in stage for stage in stages)


@pytest.mark.simulator
@pytest.mark.parametrize("name", ["stripe-simulator", "paypal-simulator"])
def test_the_simulators_start_as_the_compose_file_says(tmp_path: Path, name: str) -> None:
    """The options in docker-compose.yml are ones that the simulators have."""
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][name]
    port = free_port()
    changed = {"--port=8080": f"--port={port}", "python": sys.executable, "--host=0.0.0.0": "--host=127.0.0.1"}
    command = [changed.get(word, word).replace("/state/", f"{tmp_path}/") for word in service["command"]]

    def is_healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_control/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    simulator = process.start(name, command, log=tmp_path / "log")
    simulator.wait_healthy(is_healthy, 20)
    simulator.stop()
