"""Plain folders: pairs of equal names, clean images to add noise to, and the folders of Noise2Fast."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from noise2detail.bench.pair import Entry, Pair, conventional_span
from noise2detail.bench.reading import by_stem, images_in, read_plane
from noise2detail.bench.synthetic import SyntheticNoise, unit_range
from noise2detail.errors import InputError, UnreadableFileError, check_setting

_REFERENCES = ("reference", "clean", "gt")


@dataclass(frozen=True)
class Pairs:
    """A folder ``noisy`` and a folder ``reference`` (or ``clean``, or ``gt``) with the same names in both."""

    EXPECTED: ClassVar[str] = "noisy/<name>.<ending> and reference/<name>.<ending> (or clean, or gt)"

    span: float | None = None
    """Largest possible value minus smallest; None: 255 for 8-bit, 1 within 0 and 1, else the range of a reference."""

    def entries(self, folder: Path) -> Iterator[Entry]:
        """Every noisy image."""
        references = next((folder / name for name in _REFERENCES if (folder / name).is_dir()), None)
        if references is None or not (folder / "noisy").is_dir():
            raise UnreadableFileError(folder, "has no folders noisy and reference", f"expected {self.EXPECTED}")
        known = by_stem(images_in(references))
        for name, file in by_stem(images_in(folder / "noisy")).items():
            if name not in known:
                raise UnreadableFileError(file, f"has no partner in {references}", "expected a file of the same name")
            yield Entry(name, folder.name, partial(self._pair, name, folder.name, file, known[name]))

    def _pair(self, name: str, subset: str, noisy: Path, reference: Path) -> Pair:
        wanted = read_plane(reference)
        return Pair(name, subset, read_plane(noisy), wanted, self.span or conventional_span(wanted))


@dataclass(frozen=True)
class Clean:
    """A folder of clean images, to which noise is added; they become 0 to 1 first."""

    EXPECTED: ClassVar[str] = "clean grey images in the folder"

    noise: SyntheticNoise
    """What is added."""

    def entries(self, folder: Path) -> Iterator[Entry]:
        """Every image."""
        for name, file in by_stem(images_in(folder)).items():
            yield Entry(name, folder.name, partial(self._pair, name, folder.name, file))

    def _pair(self, name: str, subset: str, file: Path) -> Pair:
        plane = read_plane(file)
        if not np.isfinite(plane).all():
            raise InputError(f"{file} holds NaN or infinite values; a clean image has none")
        clean = unit_range(plane)
        noisy, words = self.noise.added(clean, name)
        return Pair(name, subset, noisy, clean, 1.0, words)


@dataclass(frozen=True)
class Noise2Fast:
    """The folders of Noise2Fast: clean images in ``Set12``, noisy ones of the same names in ``Set12_gaussian25``.

    Its repository holds the clean images only; users make the noisy folder with a script that adds normal noise,
    unseeded and unclipped. Where that folder is missing, noise of the same kind is added here. Values are those of
    8-bit images. The repository may lie in the folder, as unpacking its archive leaves it.

    Source
    ------
    Lequyer, Philip, Sharma, Hsu & Pelletier, "A fast blind zero-shot denoiser", Nature Machine Intelligence 2022.
    """

    EXPECTED: ClassVar[str] = "folders such as Set12 and BSD68, and perhaps Set12_gaussian25"

    subset: str = "Set12"
    """Folder of the clean images."""
    sigma: float = 25.0
    """Standard deviation of the noise, in grey values."""
    noisy: str = ""
    """Folder of the noisy images; empty: that of the clean ones with ``_gaussian`` and sigma, made up if missing."""
    seed: int = 0
    """Of noise that is added here."""

    def __post_init__(self) -> None:
        check_setting("sigma", self.sigma, lowest=0)

    def entries(self, folder: Path) -> Iterator[Entry]:
        """Every clean image, or where there are noisy ones every one of these."""
        home = next(
            (path.parent for path in (folder / self.subset, *folder.glob(f"*/{self.subset}")) if path.is_dir()), None
        )
        if home is None:
            raise UnreadableFileError(folder, f"has no folder {self.subset}", f"expected {self.EXPECTED}")
        clean = by_stem(images_in(home / self.subset))
        place = home / (self.noisy or f"{self.subset}_gaussian{self.sigma:g}")
        if not place.is_dir():
            if self.noisy:
                raise UnreadableFileError(place, "there is no such folder", f"expected {self.EXPECTED}")
            yield from (Entry(name, self.subset, partial(self._made, name, file)) for name, file in clean.items())
            return
        for name, file in by_stem(images_in(place)).items():
            if name not in clean:
                raise UnreadableFileError(file, f"has no partner in {home / self.subset}", "expected the same name")
            yield Entry(name, self.subset, partial(self._read, name, file, clean[name]))

    def _read(self, name: str, noisy: Path, clean: Path) -> Pair:
        return Pair(name, self.subset, read_plane(noisy), read_plane(clean), 255.0)

    def _made(self, name: str, file: Path) -> Pair:
        clean = read_plane(file)
        noise = SyntheticNoise(gaussian=self.sigma, clip=False, seed=self.seed)
        noisy, words = noise.added(clean / np.float32(255), name)
        return Pair(name, self.subset, noisy * np.float32(255), clean, 255.0, words)
