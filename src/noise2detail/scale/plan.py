"""The record of all that is decided before the first unit: geometry, denoiser, arithmetic, input."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any

from noise2detail.errors import OtherWorkError, SettingError, UnreadableFileError
from noise2detail.io.several import Choice
from noise2detail.io.sidecar import plain
from noise2detail.pipeline.replaying import plan_from_data
from noise2detail.plans import Plan
from noise2detail.scale.geometry import Box, Grid, Reach
from noise2detail.scale.identity import Identity, canonical
from noise2detail.scale.place import beside, sayable
from noise2detail.version import __version__

FORMAT = 1
"""Of the JSON file."""

WORK = ".n2d"
"""Ends the name of the folder beside the output that holds plan, denoiser, markers and claim."""

DETERMINING = ("torch", "numpy", "zarr", "numcodecs")
"""Libraries whose version can change the bytes of a result."""


@dataclass(frozen=True)
class Wish:
    """What was asked for, so that a second run can be told from another one."""

    method: str
    """Id of the registry."""
    recipe: str
    """Of the method."""
    settings: Mapping[str, Any]
    """Every hyper-parameter, before the method decided anything."""
    seed: int
    """Of every random choice."""
    channels: str
    """``each`` or ``joint``."""
    device: str
    """Where units are computed."""
    precision: str
    """Of the convolutions, or ``auto``."""
    threads: int | None = None
    """For a unit; None: whatever the first run took."""


@dataclass(frozen=True)
class ScalePlan:
    """All that is decided before the first unit."""

    source: str
    """Address of the input."""
    target: str
    """Address of the output."""
    axes: str
    """Of the image."""
    dtype: str
    """Of its pixels."""
    image: Choice | None
    """Which series of the input; None: there is one only."""
    levels: tuple[Grid, ...]
    """Units of the image in full size, then those of each smaller copy."""
    reach: Reach
    """What a pixel of the result depends on."""
    fit: Plan
    """By which the denoiser was fitted, and by which it is applied: value maps, precision, threads, tiles, device."""
    wish: Wish
    """What was asked for."""
    denoiser: str
    """SHA-256 of the file with the weights."""
    identity: Identity
    """Of the input."""
    version: str = __version__
    """Of this package."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of those that can change the bytes of a result."""
    warnings: tuple[str, ...] = ()
    """What people should know about the input."""
    storage: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Options of the storage, as fsspec takes them; secrets are never written down."""

    @property
    def work(self) -> str:
        """Address of the folder with plan, denoiser, markers and claim."""
        return beside(self.target, WORK)

    @property
    def count(self) -> int:
        """Units of all sizes."""
        return sum(level.count for level in self.levels)

    @property
    def stages(self) -> tuple[range, ...]:
        """Numbers of the units of each size: in any order among themselves, after all of the size before."""
        stages, start = [], 0
        for level in self.levels:
            stages.append(range(start, start + level.count))
            start += level.count
        return tuple(stages)

    def place(self, index: int) -> tuple[int, Box]:
        """Size that a unit belongs to, and the part of it that the unit writes.

        Raises
        ------
        SettingError
            No such unit.
        """
        for level, stage in enumerate(self.stages):
            if index in stage:
                return level, self.levels[level].box(index - stage.start)
        raise SettingError(f"there is no unit {index}; expected 0 to {self.count - 1}")

    @property
    def fingerprint(self) -> str:
        """Digest of everything that determines the bytes of the result, the places of input and output left out."""
        used = ("value_maps", "channel_mode", "precision", "threads", "device", "tile")
        said = {
            "format": FORMAT,
            "axes": self.axes,
            "dtype": self.dtype,
            "levels": plain(self.levels),
            "reach": plain(self.reach),
            "fit": {name: plain(getattr(self.fit, name)) for name in used},
            "denoiser": self.denoiser,
            "identity": plain(self.identity),
            "version": self.version,
            "libraries": dict(self.libraries),
        }
        return hashlib.sha256(canonical(said)).hexdigest()[:32]

    def __str__(self) -> str:
        unit = " x ".join(map(str, self.levels[0].unit))
        size = " x ".join(map(str, self.levels[0].shape))
        counts = [level.count for level in self.levels]
        smaller = f", then {' + '.join(map(str, counts[1:]))} of the smaller sizes" if counts[1:] else ""
        fit = self.fit
        lines = [
            f"image    {size} {self.dtype}, axes {self.axes}",
            f"units    {counts[0]} of {unit}{smaller}; read with {self.reach.halo} pixels around",
            f"method   {fit.method}, recipe {fit.recipe}, seed {fit.seed}, trained once on crops of the whole image",
            f"run      {fit.device}, {fit.precision}, {fit.threads} thread{'s' * (fit.threads != 1)} for a unit",
            f"output   {self.target}",
        ]
        if fit.expected_seconds is not None:
            lines.append(f"expect   {in_time(fit.expected_seconds)} with all cores of the machine that planned it")
        lines += [f"because  {reason}" for reason in fit.why]
        return "\n".join(lines + [f"warning  {warning}" for warning in self.warnings])


def in_time(seconds: float) -> str:
    """So many seconds in words.

    >>> in_time(59), in_time(3700), in_time(200_000)
    ('59 s', '62 min', '55.6 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def installed() -> dict[str, str]:
    """Versions of the libraries that can change the bytes of a result."""
    return {name: metadata.version(name) for name in DETERMINING}


def check_versions(plan: ScalePlan) -> None:
    """Raise unless this process runs the versions that the plan was made with.

    Raises
    ------
    OtherWorkError
        Another version of this package, or of a library that can change the bytes of a result.
    """
    found = {"noise2detail": __version__} | installed()
    planned = {"noise2detail": plan.version} | dict(plan.libraries)
    differences = tuple(version_differences(planned, found))
    if differences:
        raise OtherWorkError(
            plan.target, differences, "install the same versions for every worker, or begin anew with --overwrite"
        )


def version_differences(planned: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """What differs, in words."""
    for name in planned:
        if planned[name] != found.get(name):
            yield f"the plan was made with {name} {planned[name]}, and here is {found.get(name, 'none')}"


def plan_text(plan: ScalePlan) -> bytes:
    """The plan as JSON, without what is secret."""
    said = plain(replace(plan, storage=sayable(plan.storage)))
    record = {"what": "noise2detail units", "format": FORMAT, "fingerprint": plan.fingerprint, **said}
    return (json.dumps(record, indent=2) + "\n").encode()


def plan_from_text(where: str, text: bytes, storage: Mapping[str, Any] | None = None) -> ScalePlan:
    """The plan that ``plan_text`` gave.

    Parameters
    ----------
    where
        The file, for messages.
    text
        Its content.
    storage
        Options of the storage that are added to those that were written down.

    Raises
    ------
    UnreadableFileError
        Damaged, changed, or of another format.
    """
    expected = "expected what n2d plan --units or n2d scale has written"
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("what") != "noise2detail units":
            raise UnreadableFileError(where, "is no plan of units", expected)
        if data["format"] != FORMAT:
            raise UnreadableFileError(
                where, f"is a plan of format {data['format']}; this version knows {FORMAT}", expected
            )
        plan = _from_data(data, {**data["storage"], **(storage or {})})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableFileError(where, f"is a damaged plan of units ({error!r:.100})", expected) from error
    if plan.fingerprint != data["fingerprint"]:
        raise UnreadableFileError(
            where, "was changed after it was written: its fingerprint does not fit", "make the plan anew"
        )
    return plan


def _from_data(data: Mapping[str, Any], storage: Mapping[str, Any]) -> ScalePlan:
    return ScalePlan(
        source=data["source"],
        target=data["target"],
        axes=data["axes"],
        dtype=data["dtype"],
        image=data["image"],
        levels=tuple(Grid(tuple(one["shape"]), tuple(one["unit"])) for one in data["levels"]),
        reach=Reach(**data["reach"]),
        fit=plan_from_data(data["fit"]),
        wish=Wish(**data["wish"]),
        denoiser=data["denoiser"],
        identity=Identity(**data["identity"]),
        version=data["version"],
        libraries=data["libraries"],
        warnings=tuple(data["warnings"]),
        storage=storage,
    )
