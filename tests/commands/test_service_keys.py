"""Services on the command line: their file is checked, and a key is made for a new one."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from ledger.service import digest
from local.process import ROOT
from starter import app

LOCAL = str(Path(ROOT) / "local" / "services.yaml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["services", *arguments])


def test_good_services_are_described() -> None:
    """Who may move what, without the hashes of keys."""
    result = run("check", LOCAL)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "wallet:user:*" in result.stdout
    assert result.stdout.endswith(f"{LOCAL} is in order\n")
    [service] = json.loads(run("check", LOCAL, "--json").stdout)["services"]
    assert (service["name"], service["keys"], "bank:*" in service["accounts"]) == ("local", 1, True)
    assert digest("qk_local") not in result.stdout + json.dumps(service)


def test_a_file_of_nobody_is_in_order() -> None:
    """What ships for a deployment."""
    assert run("check", str(Path(ROOT) / "deploy" / "services.yaml")).stdout.endswith("is in order\n")


def test_services_with_faults_are_refused_with_the_line_of_each(tmp_path: Path) -> None:
    """The file can be mended in one go."""
    path = tmp_path / "services.yaml"
    path.write_text(
        "services:\n  - name: shop\n    keys: [x]\n    accounts: ['receivable:*', 'wallet:*', 'exchange:*']\n"
    )
    result = run("check", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"error: {path} line 3: keys: is not written as it has to be: it must match ^[0-9a-f]{{64}}$"
    ]
    path.write_text(path.read_text().replace("[x]", f"[{digest('x')}]"))
    assert [line.partition(" takes in ")[0] for line in run("check", str(path)).stderr.splitlines()] == [
        f"error: {path} line 4: accounts: exchange:*",
        f"error: {path} line 4: accounts: receivable:*",
    ]
    assert run("check", str(tmp_path / "none")).exit_code == 2


def test_a_key_is_made_with_its_hash() -> None:
    """The two belong together, and the next key is another."""
    made, other = [json.loads(run("key", "--json").stdout) for _ in range(2)]
    assert digest(made["key"]) == made["sha256"]
    assert made["key"] != other["key"]
    shown = run("key").stdout.splitlines()
    assert digest(shown[0].rpartition(": ")[2]) == shown[1].rpartition(": ")[2]
