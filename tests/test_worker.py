"""The composition root as a program: what cannot be used is said in lines, before any server is asked."""

from pathlib import Path

import pytest

import worker
from settings import Settings


def test_a_chart_that_cannot_be_used_ends_the_migration_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is changed, and each fault has its line."""
    path = tmp_path / "chart.yaml"
    path.write_text("version: 1\naccounts:\n  - {code: a:b, type: asset, normal_side: debit, owner: house}\n")
    nowhere = Settings(_env_file=None, migration_database_url="postgresql://nobody@127.0.0.1:1/no", chart=str(path))
    monkeypatch.setattr(worker, "load", lambda: nowhere)
    assert worker.main(["--migrate"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert f"{path} line 2: accounts: there is no row for clearing:{{any}}, on which facts are booked: add it" in lines
