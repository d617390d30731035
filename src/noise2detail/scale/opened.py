"""What units need of a plan: input, output and denoiser, opened once in a process."""

import functools
import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from noise2detail.errors import OtherWorkError
from noise2detail.fitted import load
from noise2detail.pipeline.run import Run
from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.denoising import Applied
from noise2detail.scale.identity import metadata_digest
from noise2detail.scale.place import place_of
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.store import Store, open_store

DENOISER = "denoiser.safetensors"
"""File with the weights, beside the markers."""


@dataclass(frozen=True, eq=False)
class Opened:
    """What units need of a plan."""

    source: Store
    """The input."""
    outputs: tuple[StoredArray, ...]
    """The arrays of the output, largest first: described as those of the input."""
    applied: Applied
    """The denoiser."""


def opened(plan: ScalePlan) -> Opened:
    """Input, output and denoiser of a plan.

    Raises
    ------
    OtherWorkError
        The metadata of the input have changed, or the weights are not those of the plan.
    UnreadableFileError
        The input cannot be opened.
    """
    return _opened(_Key(plan))


def file_digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class _Key:
    """A plan as a key; plans themselves hold mappings."""

    plan: ScalePlan

    def __hash__(self) -> int:
        return hash((self.plan.target, self.plan.denoiser))


@functools.lru_cache(maxsize=2)
def _opened(key: _Key) -> Opened:
    plan = key.plan
    source = open_store(plan.source, plan.storage, plan.axes, plan.image)
    if metadata_digest(source) != plan.identity.metadata:
        raise OtherWorkError(
            plan.target, (f"the metadata of {plan.source} have changed since the plan was made",), ANEW
        )
    target = place_of(plan.target, plan.storage)
    return Opened(source, tuple(replace(one, place=target) for one in source.levels), _applied(plan))


ANEW = "begin anew with --overwrite, or choose another output"
"""What to do where nothing can be mixed."""


def _applied(plan: ScalePlan) -> Applied:
    content = place_of(plan.work, plan.storage).read(DENOISER)
    if content is None or file_digest(content) != plan.denoiser:
        raise OtherWorkError(plan.work, (f"its {DENOISER} is not the one of this plan",), ANEW)
    fit = plan.fit
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DENOISER
        file.write_bytes(content)
        fitted = load(file, run=Run(device=fit.device, precision=fit.precision, threads=fit.threads))
    return Applied(fitted.denoisers, fit, plan.reach)
