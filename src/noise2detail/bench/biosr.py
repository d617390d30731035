"""BioSR: wide-field images from the raw frames of structured illumination, at several levels of signal."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from noise2detail.bench.pair import Entry, Pair
from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io.listing import natural_key
from noise2detail.metrics.fidelity import drifted
from noise2detail.types import Pixels

_RAW = "RawSIMData_level_"


@dataclass(frozen=True)
class BioSr:
    """The release: ``<structure>/Cell_NNN/RawSIMData_level_NN.mrc``, for the endoplasmic reticulum a folder deeper.

    The mean over the phases and orientations of a raw stack is a wide-field image: the stripes add up to a constant.
    The noisy image is that of one level; its reference is that of ``RawSIMData_gt.mrc``, or of the highest level where
    there is none. (``SIM_gt.mrc`` is no reference for a denoiser: it is reconstructed on a finer grid.) Levels differ
    in exposure, so the reference is brought to the noisy image by the gain and offset that fit best. For the
    endoplasmic reticulum each level has a stack of its own to compare with, ``RawGTSIMData_level_NN.mrc``.

    Source
    ------
    Qiao et al., "Evaluation and development of deep neural networks for image super-resolution in optical microscopy",
    Nature Methods 2021.
    """

    EXPECTED: ClassVar[str] = "<structure>/Cell_NNN/RawSIMData_level_NN.mrc and RawSIMData_gt.mrc"

    level: int = 1
    """Of the signal: 1 is the lowest."""
    subset: str | tuple[str, ...] = ()
    """Structures by the names of their folders; empty: all."""

    def entries(self, folder: Path) -> Iterator[Entry]:
        """One image for each cell."""
        cells = sorted((*folder.glob("Cell_*"), *folder.glob("*/Cell_*")), key=lambda cell: _order(folder, cell))
        wanted = (self.subset,) if isinstance(self.subset, str) else self.subset
        structures = {cell.parent.name for cell in cells}
        for name in wanted:
            if name not in structures:
                raise SettingError(f"{folder}: there is no structure {name!r}; found: {', '.join(sorted(structures))}")
        for cell in cells:
            structure = cell.parent.name
            if cell.is_dir() and (not wanted or structure in wanted):
                name = f"{structure}_{cell.name}_level_{self.level:02d}"
                yield Entry(name, structure, partial(self._pair, name, structure, cell))

    def _pair(self, name: str, structure: str, cell: Path) -> Pair:
        levels = _levels(cell)
        if self.level not in levels:
            found = ", ".join(map(str, levels)) or "none"
            raise UnreadableFileError(cell, f"has no level {self.level}; found: {found}", f"expected {self.EXPECTED}")
        noisy = widefield(levels[self.level])
        reference = drifted(widefield(self._reference(cell, levels)), noisy).astype(np.float32)
        return Pair(name, structure, noisy, reference, float(np.ptp(reference)))

    def _reference(self, cell: Path, levels: dict[int, Path]) -> Path:
        for path in (
            cell / "RawSIMData_gt.mrc",
            cell / "RawGTSIMData" / f"RawGTSIMData_level_{self.level:02d}.mrc",
        ):
            if path.exists():
                return path
        highest = max(levels)
        if highest == self.level:
            raise UnreadableFileError(
                cell, f"has nothing above level {self.level} to compare with", "choose a lower level"
            )
        return levels[highest]


def widefield(path: Path) -> Pixels:
    """Mean of all frames of a raw stack, ``(y, x)`` in float32."""
    from noise2detail.io.mrc import read_mrc

    image = read_mrc(path)
    frames = tuple(place for place, axis in enumerate(image.axes) if axis not in "YX")
    mean: Pixels = np.asarray(np.mean(image.array, axis=frames, dtype=np.float64))
    return mean.astype(np.float32)


def _levels(cell: Path) -> dict[int, Path]:
    """Raw stacks of a cell by level."""
    files = sorted((*cell.glob(f"{_RAW}*.mrc"), *(cell / "RawSIMData").glob(f"{_RAW}*.mrc")))
    numbers = {file.stem.removeprefix(_RAW): file for file in files}
    return {int(number): file for number, file in numbers.items() if number.isdecimal()}


def _order(folder: Path, cell: Path) -> tuple[object, ...]:
    return tuple(natural_key(Path(part)) for part in cell.relative_to(folder).parts)
