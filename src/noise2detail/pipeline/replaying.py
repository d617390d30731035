"""A plan from data, and what of it is done again with another image or the same."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from noise2detail import registry
from noise2detail.errors import SettingError
from noise2detail.method import Method
from noise2detail.methods.stabilized import Stabilized
from noise2detail.pipeline.planning import check_seed
from noise2detail.pipeline.run import Run
from noise2detail.pipeline.threads import check_threads, cores
from noise2detail.plans import Neighbours, NoiseFound, Plan, ValueMap
from noise2detail.settings import check_types, from_data

FIT_ONCE = {"each": "plane"}
"""Names that plans had for the modes of a training, and those of today."""


@dataclass(frozen=True)
class Replay:
    """What a plan says about any image: the arguments of ``denoise``."""

    method: Method
    """With every setting, and every choice made."""
    recipe: str | None
    """Says how values are mapped."""
    seed: int
    """Of every random choice."""
    run: Run
    """Of the same device, precision, threads and mode; it decides nothing anew."""


def replay(plan: Plan) -> Replay:
    """What a plan says about any image.

    Threads are as many as this machine has, at most. What belongs to the image, its axes, value maps and noise, is
    found anew.

    Raises
    ------
    SettingError
        A method, setting, seed or mode that does not exist here or does not fit.
    """
    method = from_data(dict(plan.settings))
    inner = method.inner if isinstance(method, Stabilized) else method
    if not isinstance(inner, Method) or not isinstance(inner, registry.find(plan.method).method):
        raise SettingError(f"the settings are those of {type(inner).__name__}; expected those of {plan.method}")
    recipes = (*registry.find(plan.method).recipes, "own")
    if plan.recipe not in recipes:
        raise SettingError(registry.unknown("recipe", plan.recipe, recipes))
    check_seed(plan.seed)
    check_threads(plan.threads)
    run = Run(
        device=plan.device,
        precision=plan.precision,
        fit=plan.fit,
        channels=plan.channel_mode,
        stabilize=isinstance(method, Stabilized) and method.stabilize,
        unclip=isinstance(method, Stabilized) and method.unclip,
        anyway=plan.anyway,
        decide=False,
        at_once=plan.at_once,
        max_memory=plan.max_memory,
        threads=min(plan.threads, cores()),
        neighbours=f"{plan.neighbours.axis}{plan.neighbours.reach}" if plan.neighbours else 0,
    )
    return Replay(inner, None if plan.recipe == "own" else plan.recipe, plan.seed, run)


def plan_from_data(data: Any) -> Plan:
    """The plan whose fields these are, as JSON holds them.

    Raises
    ------
    SettingError
        No plan, or one of another version.
    """
    _check_names(data, Plan, "a plan")
    listed = {name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in ("shape", "why")}
    listed["starts"] = tuple(data["starts"]) if isinstance(data.get("starts"), list) else data.get("starts", ())
    listed["fit"] = FIT_ONCE.get(data["fit"], data["fit"]) if isinstance(data["fit"], str) else data["fit"]
    listed["value_maps"] = tuple(_record(ValueMap, item) for item in _items(data, "value_maps"))
    listed["noise"] = tuple(_record(NoiseFound, item) for item in _items(data, "noise"))
    if data.get("neighbours") is not None:
        listed["neighbours"] = _record(Neighbours, data["neighbours"])
    plan = Plan(**dict(data) | listed)
    check_types(plan)
    return plan


def _items(data: Mapping[str, Any], name: str) -> list[Any]:
    found = data.get(name, [])
    if not isinstance(found, list | tuple):
        raise SettingError(f"{name} of the plan is {found!r}; expected a list")
    return list(found)


def _record(record: type[Any], data: Any) -> Any:
    _check_names(data, record, f"{record.__name__} in a plan")
    made = record(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
    check_types(made)
    return made


def _check_names(data: Any, record: type[Any], what: str) -> None:
    """Raise unless these are the fields of a record."""
    if not isinstance(data, Mapping):
        raise SettingError(f"{what} is {data!r}; expected an object with named fields")
    known = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(record)}
    strange = sorted(str(name) for name in data if name not in known)
    absent = sorted(name for name, needed in known.items() if needed and name not in data)
    if strange or absent:
        said = [f"does not know {', '.join(strange)}"] * bool(strange) + [f"needs {', '.join(absent)}"] * bool(absent)
        raise SettingError(f"{what} of another version: this one {' and '.join(said)}")
