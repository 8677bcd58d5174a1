"""The demo as a person runs it: the whole system, 200 charges, the books and the proof."""

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.process import ROOT

pytestmark = pytest.mark.system

DEMO_SECONDS = 300
"""How long a busy machine may take; on an idle one with two cores it takes about half a minute."""


def test_the_demo_ends_with_exit_code_0_and_leaves_no_process(tmp_path: Path) -> None:
    """Whoever clones the project sees money go both ways at both gateways, and books that are proved."""
    demo = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--directory", str(tmp_path / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stderr == ""
    assert "200 of 200 charges" in demo.stdout
    assert re.search(r"^all +110 +90$", demo.stdout, re.MULTILINE)
    assert "Proved: 200 charges" in demo.stdout
    assert re.search(r"^I8 kept \([1-9]\d* seals checked\)", demo.stdout, re.MULTILINE)
    assert "All 200 charges ended as the scenario says, and the books balance in 8 currencies." in demo.stdout
    assert re.search(
        r"http://127\.0\.0\.1:\d+/namespaces/default/workflows/charge%2Fdemo-\d{3}$", demo.stdout, re.MULTILINE
    )
    assert not [process for process in psutil.process_iter() if str(tmp_path) in " ".join(_command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
