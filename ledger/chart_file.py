"""Reads a chart of accounts: YAML that is held against the model and against itself, with the line of each fault."""

from pathlib import Path

from ledger import lined_yaml
from ledger.chart import Chart
from ledger.chart_faults import faults_of
from ledger.errors import ChartFault
from ledger.lined_yaml import FileFault, Kind

DEFAULT = Path(__file__).parent / "chart.yaml"
"""The chart that ships."""
KIND = Kind("chart", "write at least what ledger/chart.yaml has", "[USD, EUR]")
MAX_BYTES = 1_000_000


def read(path: Path = DEFAULT) -> Chart:
    """Read a chart; raises ChartFault with a line for each fault: where it is, and what to do."""
    try:
        text = lined_yaml.read_text(path, KIND.noun, MAX_BYTES)
    except FileFault as error:
        raise ChartFault(*error.lines) from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Chart:
    """Read the text of a chart; `source` is its name in messages. Raises ChartFault."""
    try:
        return lined_yaml.parse(text, source, KIND, Chart, faults_of)
    except FileFault as error:
        raise ChartFault(*error.lines) from None
