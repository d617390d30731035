"""What repeats say of a result: its uncertainty as a second image, and how far other seeds lead."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.pixel_type import check_holdable
from noise2detail.errors import SettingError
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.io.names import OutputFormat, output_format, split_suffix
from noise2detail.io.wish import wishing
from noise2detail.method import Step
from noise2detail.metrics.bootstrap import DRAWS, FreshNoise, check_draws
from noise2detail.pipeline.progress import share
from noise2detail.plans import Plan, Provenance
from noise2detail.report.repeats import image_again
from noise2detail.report.uncertainty import Stated, image_repeatability, image_uncertainty, noise_of
from noise2detail.types import Pixels

_INSTEAD: dict[OutputFormat, str] = {"png": ".tif", "bmp": ".tif", "dicom": ".nii.gz", "dicom-series": ".nii.gz"}
"""Suffixes for formats that hold no decimals: NIfTI keeps where in the patient the pixels of DICOM files are."""

_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Repeating:
    """How often a file is denoised again, and what for."""

    draws: int = 0
    """Of fresh noise, for the uncertainty; 0: none is wished."""
    seeds: int = 0
    """Besides that of the plan, for the repeatability; 0: none is wished."""

    def further(self, output: Path) -> tuple[Path, ...]:
        """Files that are written besides an output."""
        return (uncertainty_path(output),) if self.draws else ()


def find_repeating(*, uncertainty: bool, draws: int | None, seeds: int | None) -> Repeating:
    """What was asked for on the command line.

    Raises
    ------
    SettingError
        Too few repeats, or a number of draws for nothing.
    """
    if draws is not None and not uncertainty:
        raise SettingError("--draws is the number of repeats for --uncertainty, which is not given; expected both")
    if draws is not None:
        check_draws(draws)
    if seeds is not None and seeds < 1:
        raise SettingError(f"--repeatability is {seeds}; expected at least 1 further seed")
    return Repeating((draws or DRAWS) if uncertainty else 0, seeds or 0)


def uncertainty_path(output: Path) -> Path:
    """Where the uncertainty of an output goes.

    >>> uncertainty_path(Path("cells.ome.tif")).name, uncertainty_path(Path("cells.png")).name
    ('cells_uncertainty.ome.tif', 'cells_uncertainty.tif')
    """
    stem, suffix = split_suffix(output)
    return output.with_name(f"{stem}_uncertainty{_INSTEAD.get(output_format(output), suffix)}")


@dataclass(frozen=True, eq=False)
class Repeats:
    """Repeats of one file, begun before it is denoised, so that what cannot be done is refused at once."""

    array: Pixels
    """What is denoised."""
    target: np.dtype[np.generic]
    """Type of the result."""
    repeating: Repeating
    """What is wished."""

    def check(self, image: Image, output: Path) -> None:
        """Raise, before anything is computed, where the file could not hold the uncertainty.

        Raises
        ------
        UnwritableFileError
            A format that cannot hold the axes.
        """
        if self.repeating.draws:
            check_holdable(wishing(image, _FLOAT), _FLOAT, uncertainty_path(output))

    def listeners(self, on_step: Callable[[Step], None]) -> tuple[Callable[[Step], None], Callable[[Step], None]]:
        """Who hears of the denoising itself, and who of the repeats: shares of one work."""
        repeats = self._count
        if not repeats:
            return on_step, on_step
        first = 1 / (1 + repeats)
        return share(on_step, 0.0, first), share(on_step, first, 1.0)

    @property
    def _count(self) -> int:
        return self._exact + self.repeating.draws + self.repeating.seeds

    @property
    def _exact(self) -> int:
        """1 where the result is rounded, so that it is computed once more, as it was before that."""
        wished = bool(self.repeating.draws or self.repeating.seeds)
        return int(wished and not (self.target.kind == "f" and self.target.itemsize >= 4))

    def run(self, plan: Plan, denoised: Pixels, on_step: Callable[[Step], None]) -> "Repeated":
        """What the repeats say.

        Parameters
        ----------
        plan
            By which the image was denoised.
        denoised
            The result, in the type of the file.
        on_step
            Hears of all repeats as of one work.
        """
        if not self._count:
            return Repeated(None, {})
        exact, drawn = self._exact / self._count, (self._exact + self.repeating.draws) / self._count
        noises: tuple[FreshNoise, ...] = noise_of(self.array, plan) if self.repeating.draws else ()
        if self._exact:
            denoised = image_again(plan, on_step=share(on_step, 0.0, exact))(self.array)
        stated: Stated | None = None
        told: dict[str, Any] = {}
        if self.repeating.draws:
            listen = share(on_step, exact, drawn)
            stated = image_uncertainty(self.array, denoised, plan, noises, draws=self.repeating.draws, on_step=listen)
            told["uncertainty_rms"], told["draws"] = list(stated.rms), self.repeating.draws
        if self.repeating.seeds:
            listen, seeds = share(on_step, drawn, 1.0), self.repeating.seeds
            told["repeatability_rms"] = list(
                image_repeatability(self.array, denoised, plan, seeds=seeds, on_step=listen)
            )
            told["seeds"] = list(range(plan.seed, plan.seed + seeds + 1))
        return Repeated(None if stated is None else stated.image, told)


@dataclass(frozen=True, eq=False)
class Repeated:
    """What the repeats of one file said."""

    uncertainty: Pixels | None
    """Of each pixel; None: not asked for."""
    told: dict[str, Any]
    """Figures for the record of the file."""

    def of(self, part: Callable[[Pixels], Pixels]) -> "Repeated":
        """The same of a part of the image."""
        return self if self.uncertainty is None else replace(self, uncertainty=part(self.uncertainty))

    def save(self, image: Image, output: Path, *, overwrite: bool, history: Provenance) -> dict[str, Any]:
        """The figures, with the path of the uncertainty, which has been written beside the output.

        Parameters
        ----------
        image
            That was denoised, for its axes, scale and metadata.
        output
            The denoised file.
        overwrite
            Replace what is there.
        history
            Of the result.

        Raises
        ------
        OutputExistsError, UnwritableFileError
            It must not or cannot be written.
        """
        if self.uncertainty is None:
            return self.told
        holds = {"what": "standard uncertainty of each pixel, in image units, by a parametric bootstrap", **self.told}
        found = replace(wishing(image, _FLOAT), array=self.uncertainty, no_data=None)
        path = save_image(
            found, uncertainty_path(output), overwrite=overwrite, provenance=replace(history, holds=holds)
        )
        return self.told | {"uncertainty": str(path)}
