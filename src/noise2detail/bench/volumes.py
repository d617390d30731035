"""CT volumes as clean slices, with noise added: one file, a DICOM series, or a folder of NIfTI files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from noise2detail.bench.pair import Entry, Pair
from noise2detail.bench.reading import images_in, stem
from noise2detail.bench.synthetic import SyntheticNoise, min_max
from noise2detail.errors import InputError, SettingError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.types import Pixels

_NIFTI = (".nii", ".nii.gz")


@dataclass(frozen=True)
class Ct:
    """Slices of a volume, scaled to 0 to 1 by their minimum and maximum, with noise.

    The folder is a volume file, a DICOM series, a folder of NIfTI files, or a task of the Medical Segmentation
    Decathlon (``imagesTr/*.nii.gz``). The noise of a slice depends on the name of its volume and its place in it.
    """

    EXPECTED: ClassVar[str] = "a NIfTI file, a DICOM series, or NIfTI files in the folder or in its imagesTr"

    noise: SyntheticNoise
    """What is added."""
    volume: int | str = 0
    """Which of several: its place in the order of their names, or its name without ending."""
    planes: int | None = None
    """Only volumes of so many slices count, where a publication says no more than that."""
    slices: tuple[int, ...] = ()
    """Which slices, from 0; empty: all."""
    scale: Literal["slice", "volume"] = "slice"
    """Whose minimum and maximum become 0 and 1."""

    def entries(self, folder: Path) -> Iterator[Entry]:
        """The slices of one volume."""
        name, pixels = self._chosen(folder)
        for index in self.slices or range(len(pixels)):
            if not 0 <= index < len(pixels):
                raise SettingError(f"slices has {index}; {name} has slices 0 to {len(pixels) - 1}")
        limits = (float(pixels.min()), float(pixels.max())) if self.scale == "volume" else None
        for index in self.slices or range(len(pixels)):
            named = f"{name}_{index:03d}"
            yield Entry(named, name, partial(self._pair, named, name, pixels[index], limits))

    def _pair(self, name: str, subset: str, plane: Pixels, limits: tuple[float, float] | None) -> Pair:
        if not np.isfinite(plane).all():
            raise InputError(f"{name} holds NaN or infinite values; a clean image has none: choose other slices")
        clean = min_max(plane, *(limits or (float(plane.min()), float(plane.max()))))
        noisy, words = self.noise.added(clean, name)
        return Pair(name, subset, noisy, clean, 1.0, words)

    def _chosen(self, folder: Path) -> tuple[str, Pixels]:
        files = _volumes(folder)
        if isinstance(self.volume, str):
            files = [file for file in files if stem(file) == self.volume]
        if self.planes is not None:
            files = [file for file in files if len(_planes(file)) == self.planes]
        place = self.volume if isinstance(self.volume, int) else 0
        if not 0 <= place < len(files):
            wish = f"volume {self.volume!r}" + ("" if self.planes is None else f" of {self.planes} slices")
            names = ", ".join(stem(file) for file in _volumes(folder)) or "none"
            raise SettingError(f"{folder}: there is no {wish}; its volumes are: {names}")
        return stem(files[place]), _planes(files[place])


def _volumes(folder: Path) -> list[Path]:
    """Volume files in a folder; a file, or a folder with a series, is a volume by itself."""
    if folder.is_file():
        return [folder]
    inner = folder / "imagesTr"
    return images_in(inner if inner.is_dir() else folder, _NIFTI) or [folder]


def _planes(path: Path) -> Pixels:
    """Slices of a volume, ``(z, y, x)``."""
    image = _read(path)
    pixels = np.asarray(image.array)
    order = [image.axes.index(axis) for axis in "ZYX" if axis in image.axes]
    if len(order) != pixels.ndim or "S" in image.axes:
        raise UnreadableFileError(
            path, f"has the axes {image.axes} {pixels.shape}; expected one volume", "export one time point and channel"
        )
    stacked = pixels.transpose(order)
    return stacked if stacked.ndim == 3 else stacked[None]


def _read(path: Path) -> Image:
    from noise2detail.io.dicom_series import read_series
    from noise2detail.io.open import open_image

    return read_series(path) if path.is_dir() else open_image(path)
