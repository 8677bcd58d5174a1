"""What the product's worker registers, read from the composition root itself: the steps that need their cells."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest import mock

from sqlalchemy.ext.asyncio import AsyncEngine

from gateways import adapters
from settings import Settings


@dataclass(frozen=True)
class Registered:
    """The processes, and the names of the activities."""

    workflows: Sequence[type]
    activities: frozenset[str]


def registered(root: ModuleType) -> Registered:
    """Ask a composition root, which needs no server for that: what it gives to each worker is taken down."""
    with mock.patch.object(root, "Worker") as made:
        root.workers_of(
            Settings(_env_file=None), mock.Mock(), mock.Mock(), adapters.of_settings(Settings(_env_file=None))
        )
    given = [dict[str, Any](call.kwargs) for call in made.call_args_list]
    workflows = [workflow for one in given for workflow in one.get("workflows", ())]
    activities = [activity for one in given for activity in one.get("activities", ())]
    return Registered(workflows, frozenset(_name(activity) for activity in activities))


def steps(root: ModuleType, settings: Settings, engine: AsyncEngine) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
    """Return the activities that the composition root makes over this database, by name, to be called as they are."""
    with mock.patch.object(root, "Worker") as made:
        root.workers_of(settings, mock.Mock(), engine, adapters.of_settings(settings))
    return {_name(one): one for call in made.call_args_list for one in call.kwargs.get("activities", ())}


def _name(activity: Any) -> str:
    name: str = activity.__temporal_activity_definition.name
    return name
