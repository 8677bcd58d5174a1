"""Derives the images' locks from `requirements.lock`, so that what is deployed is what was tested, hash by hash.

Run by `make lock`. An image gets what its programs need and nothing of the development tools.
"""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "requirements.lock"
WORKER = ROOT / "deploy" / "requirements.lock"
SIMULATORS = ROOT / "deploy" / "simulators.lock"
SIMULATOR_PACKAGES = ("starlette", "uvicorn", "iso4217", "cryptography")
# An image is Linux, and its Python may be any that the project runs on.
PYTHON_VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def derived() -> dict[Path, str]:
    """Return what each image's lock must contain."""
    locked = blocks(SOURCE.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {WORKER: project["dependencies"], SIMULATORS: SIMULATOR_PACKAGES}
    return {
        lock: "".join(locked[name] for name in sorted(closure([Requirement(text) for text in roots])))
        for lock, roots in wanted.items()
    }


def blocks(lock: str) -> dict[str, str]:
    """Split a lock into its packages: name -> the requirement with its hashes, without the remarks."""
    found: dict[str, str] = {}
    for block in re.split(r"^(?=\S)", re.sub(r"^ *#.*\n", "", lock, flags=re.MULTILINE), flags=re.MULTILINE):
        if block.strip():
            found[canonicalize_name(re.split(r"[=<>~! \[;]", block, maxsplit=1)[0])] = block
    return found


def closure(roots: list[Requirement]) -> set[str]:
    """Return the names of everything that the requirements need on Linux, themselves included."""
    needed: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in roots]
    while waiting:
        requirement, extra = waiting.pop()
        if not _applies(requirement.marker, extra):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in needed:
                needed.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in requires(name) or []]
    return {name for name, _ in needed}


def _applies(marker: Marker | None, extra: str) -> bool:
    return marker is None or any(
        marker.evaluate(
            {
                "extra": extra,
                "python_version": version,
                "python_full_version": f"{version}.0",
                "sys_platform": "linux",
                "platform_system": "Linux",
                "os_name": "posix",
                "platform_python_implementation": "CPython",
                "implementation_name": "cpython",
            }
        )
        for version in PYTHON_VERSIONS
    )


def main() -> None:
    """Write the images' locks."""
    for lock, content in derived().items():
        lock.write_text(content)


if __name__ == "__main__":
    main()
