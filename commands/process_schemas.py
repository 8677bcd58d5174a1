"""The messages of every process as JSON Schema, found by walking the `workflows` package."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter
from temporalio import workflow

import workflows


def of_all() -> list[dict[str, Any]]:
    """Describe every process, by name."""
    modules = [import_module(f"workflows.{module.name}") for module in iter_modules(workflows.__path__)]
    found = [_process(module, definition) for module in modules for definition in _definitions(module)]
    return sorted(found, key=lambda process: str(process["type"]))


def _definitions(module: ModuleType) -> Iterator["workflow._Definition"]:
    for value in vars(module).values():
        if inspect.isclass(value) and value.__module__ == module.__name__:
            # The SDK keeps what a decorated class is under this name and offers no other way to ask.
            definition = workflow._Definition.from_class(value)  # noqa: SLF001
            if definition is not None:
                yield definition


def _process(module: ModuleType, definition: "workflow._Definition") -> dict[str, Any]:
    return {
        "type": definition.name,
        "workflow_id": _id_pattern(module),
        "description": _first_sentence(definition.cls),
        "input": _input(definition.arg_types),
        "result": _result(definition.ret_type),
        "updates": [_message(update.name, update.fn, update) for update in definition.updates.values()],
        "signals": [_message(signal.name, signal.fn, signal) for signal in definition.signals.values()],
        "queries": [_message(query.name, query.fn, query) for query in definition.queries.values()],
    }


def _id_pattern(module: ModuleType) -> str:
    """Ask the function that names the process for the name of a placeholder: `charge/{charge_id}`."""
    name: Callable[..., str] = module.workflow_id
    return name(*("{" + parameter + "}" for parameter in inspect.signature(name).parameters))


def _message(name: str | None, handler: Callable[..., Any], definition: Any) -> dict[str, Any]:
    described = {"name": name, "description": _first_sentence(handler), "input": _input(definition.arg_types)}
    return described if not hasattr(definition, "ret_type") else described | {"result": _result(definition.ret_type)}


def _input(types: Sequence[Any] | None) -> dict[str, Any] | None:
    """Describe the one argument that each message takes; None for a message without."""
    return TypeAdapter(types[0]).json_schema() if types else None


def _result(kind: Any) -> dict[str, Any] | None:
    return None if kind is None else TypeAdapter(kind).json_schema(mode="serialization")


def _first_sentence(described: Any) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0]
