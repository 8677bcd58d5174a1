"""What gateways show of a network's answer, and what the networks forbid (`networks.yaml`)."""

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from benchmarks.dunning.seen import Answer
from ledger import lined_yaml

DATA: Final = Path(__file__).with_name("networks.yaml")
_KIND: Final = lined_yaml.Kind("file of networks", "state `answers:`, `never:`, `waits_hours:`, `ceilings:`", "[a, b]")
PAYPAL: Final = "paypal"


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Plain):
    """What each gateway says for a network's code."""

    stripe: str
    stripe_advice: str | None = None
    paypal: str


class Never(_Plain):
    """Answers after which no further try of the card is allowed: Visa's codes, and advice on any card."""

    visa: frozenset[str]
    advice: frozenset[str]
    stripe_advice: frozenset[str]


class Ceiling(_Plain):
    """How many tries of a card at a merchant a network takes within a time."""

    network: str
    most: int
    hours: float
    counts_first: bool


class Networks(_Plain):
    """The whole of the data."""

    answers: Mapping[str, Words]
    never: Never
    waits_hours: Mapping[str, float]
    ceilings: tuple[Ceiling, ...]
    paypal_advice: frozenset[str]

    def shown(self, gateway: str, network_code: str, advice: str | None) -> Answer:
        """Return a decline as a gateway shows it."""
        words = self.answers[network_code]
        if gateway == PAYPAL:
            shown = advice if advice in self.paypal_advice else None
            return Answer(succeeded=False, code=words.paypal, advice=shown, network_code=words.paypal)
        return Answer(
            succeeded=False,
            code=words.stripe,
            advice=words.stripe_advice,
            network_code=network_code,
            network_advice=advice,
        )

    def forbids(self, network: str, answer: Answer) -> bool:
        """Whether an answer, as it was shown, allows no further try of its card."""
        if network == "visa" and answer.network_code in self._never_by_code:
            return True
        return answer.advice in self._never_by_advice or answer.network_advice in self._never_by_advice

    @cached_property
    def _never_by_code(self) -> frozenset[str]:
        """Visa's codes, and those of PayPal that stand for nothing else."""
        others = {words.paypal for code, words in self.answers.items() if code not in self.never.visa}
        return self.never.visa | {words.paypal for words in self.answers.values()} - others

    @cached_property
    def _never_by_advice(self) -> frozenset[str]:
        return self.never.advice | self.never.stripe_advice

    def wait_hours(self, answer: Answer) -> float:
        """Return how long an answer says to wait."""
        return max(self.waits_hours.get(advice or "", 0.0) for advice in (answer.network_advice, answer.advice))


@cache
def networks() -> Networks:
    """Read the data; raises lined_yaml.FileFault where it cannot be used."""
    return lined_yaml.parse(lined_yaml.read_text(DATA, _KIND.noun), DATA.name, _KIND, Networks)
