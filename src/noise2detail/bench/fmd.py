"""The Fluorescence Microscopy Denoising data set: its release, and a flat sample of its test images."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from noise2detail.bench.pair import Entry, Pair
from noise2detail.bench.reading import images_in, read_samples
from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.registry import unknown
from noise2detail.types import Pixels

CONFIGURATIONS = (
    *("Confocal_BPAE_B", "Confocal_BPAE_G", "Confocal_BPAE_R", "Confocal_FISH", "Confocal_MICE"),
    *("TwoPhoton_BPAE_B", "TwoPhoton_BPAE_G", "TwoPhoton_BPAE_R", "TwoPhoton_MICE"),
    *("WideField_BPAE_B", "WideField_BPAE_G", "WideField_BPAE_R"),
)
"""Microscope, sample and channel: the folders of the release."""

TEST_FIELD = 19
"""Field of view that the authors keep for tests."""

_MIXED = "test_mix"
_LUMA = (0.2989, 0.5870, 0.1140)

Averages = Literal[1, 2, 4, 8, 16]


@dataclass(frozen=True)
class Fmd:
    """The release: ``<configuration>/{raw,avg2,avg4,avg8,avg16,gt}/<field>/*.png`` and the mixed test set.

    The reference of a field is ``gt/<field>/avg50.png``, the mean of all its captures; that of an image of ``test_mix``
    has the same name in ``test_mix/gt``.

    Source
    ------
    Zhang et al., "A Poisson-Gaussian Denoising Dataset with Real Fluorescence Microscopy Images", CVPR 2019.
    """

    EXPECTED: ClassVar[str] = (
        "test_mix/{raw,avg2,...,gt}/*.png and folders such as Confocal_FISH/{raw,avg2,avg4,avg8,avg16,gt}/19/*.png"
    )

    subset: str | tuple[str, ...] = _MIXED
    """``test_mix``, ``all`` twelve configurations, or some of them by name."""
    average: Averages = 1
    """Captures that each noisy image is the mean of."""
    field: int = TEST_FIELD
    """Field of view, 1 to 20; of no meaning for ``test_mix``."""

    def __post_init__(self) -> None:
        known = (_MIXED, "all", *CONFIGURATIONS)
        for name in (self.subset,) if isinstance(self.subset, str) else self.subset:
            if name not in known:
                raise SettingError(unknown("subset", name, known))

    def entries(self, folder: Path) -> Iterator[Entry]:
        """What the release holds of it."""
        names = (self.subset,) if isinstance(self.subset, str) else self.subset
        level = "raw" if self.average == 1 else f"avg{self.average}"
        for name in CONFIGURATIONS if names == ("all",) else names:
            if name == _MIXED:
                yield from mixed(folder / _MIXED, level)
            else:
                yield from self._captures(folder / name, level)

    def _captures(self, folder: Path, level: str) -> Iterator[Entry]:
        reference = folder / "gt" / str(self.field) / "avg50.png"
        for file in images_in(folder / level / str(self.field)):
            name = f"{folder.name}_{self.field}_{file.stem}"
            yield Entry(name, folder.name, partial(_pair, name, folder.name, file, reference))


@dataclass(frozen=True)
class FmdSample:
    """Some images of the mixed test set: ``raw/<configuration>_<number>.png`` with ``gt/<configuration>.png``."""

    EXPECTED: ClassVar[str] = "raw/<configuration>_<number>.png and gt/<configuration>.png"

    def entries(self, folder: Path) -> Iterator[Entry]:
        """Every raw image."""
        return mixed(folder, "raw")


def mixed(folder: Path, level: str) -> Iterator[Entry]:
    """Images of all configurations in one folder; a reference has the name of its image, or of its configuration."""
    for file in images_in(folder / level):
        subset = file.stem.rpartition("_")[0] or file.stem
        own = folder / "gt" / file.name
        reference = own if own.exists() else folder / "gt" / f"{subset}.png"
        yield Entry(file.stem, subset, partial(_pair, file.stem, subset, file, reference))


def grey(pixels: Pixels) -> Pixels:
    """One plane of an image that may have been saved in colour.

    Three equal channels are the image; different ones are weighted and cut to whole numbers as the loader of the data
    set does it, so that figures stay comparable.
    """
    if pixels.ndim == 2:
        return pixels
    if np.all(pixels == pixels[..., :1]):
        return pixels[..., 0]
    return (pixels[..., :3].astype(np.float32) @ np.asarray(_LUMA, np.float32)).astype(pixels.dtype)


def _pair(name: str, subset: str, noisy: Path, reference: Path) -> Pair:
    if not reference.exists():
        raise UnreadableFileError(reference, f"there is no such file: {noisy.name} has no reference", "unpack it again")
    seen = grey(read_samples(noisy))
    if seen.dtype != np.uint8:
        raise UnreadableFileError(
            noisy, f"holds {seen.dtype} pixels; expected 8-bit ones", "download the data set again"
        )
    return Pair(name, subset, seen, grey(read_samples(reference)), 255.0)
