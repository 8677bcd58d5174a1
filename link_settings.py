"""The settings of pay links, a part of `settings.Settings`: the keys that sign them, and where customers reach them."""

from abc import abstractmethod
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

LOCAL_PAY_LINK_KEY = "the key of links of the local system"
"""Everybody knows it, which is why it signs nothing elsewhere."""
SHORTEST_KEY = 32


class LinkSettings(BaseSettings):
    """Every setting of theirs; the environment variable has the field's name in capitals."""

    pay_link_key: SecretStr = SecretStr(LOCAL_PAY_LINK_KEY)
    """What pay links are signed with, 32 characters or more; several with commas between: the first signs, and what any of them
    signed is believed. Without one there are no links; the local one is none where a gateway is not on this machine."""
    pay_link_base_url: str = "http://127.0.0.1:12113"
    """Where customers reach the HTTP service: what pay links begin with."""
    merchant_name: str = ""
    """Whom customers pay, as pay links name it."""

    @property
    @abstractmethod
    def is_of_this_machine(self) -> bool:
        """Whether both gateways are."""

    @property
    def pay_link_keys(self) -> tuple[str, ...]:
        """The keys, the one that signs first; none where there are no links."""
        given = [key.strip() for key in self.pay_link_key.get_secret_value().split(",")]
        return tuple(key for key in given if key and (key != LOCAL_PAY_LINK_KEY or self.is_of_this_machine))

    @property
    def link_faults(self) -> list[str]:
        """A customer's browser is on another machine, and what it sends is for nobody else to read."""
        is_reachable = urlsplit(self.pay_link_base_url).scheme == "https"
        if self.is_of_this_machine or is_reachable or not self.pay_link_keys:
            return []
        return ["PAY_LINK_BASE_URL: must be an https:// address that customers reach, since PAY_LINK_KEY is set"]

    @field_validator("pay_link_key")
    @classmethod
    def _long_keys(cls, value: SecretStr) -> SecretStr:
        if any(0 < len(key.strip()) < SHORTEST_KEY for key in value.get_secret_value().split(",")):
            raise ValueError(f"must be {SHORTEST_KEY} characters or more: make one with `openssl rand -hex 32`")
        return value

    @field_validator("merchant_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if len(value) > 100 or not value.isprintable():
            raise ValueError("must be one line of at most 100 characters")
        return value.strip()
