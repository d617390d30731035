"""Images that are several files: OME-Zarr, a folder of DICOM slices, Analyze with its pixels beside the header."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nibabel
import numpy as np
from zarr.codecs import BloscCodec

from tests.io.conftest import Stores
from tests.io.test_dicom_series import series
from tests.mutation.seed import Seed, pixels

nib: Any = nibabel

_NAMED = re.compile(r"zarr\.json|\.z(?:array|attrs|group)")
_CHANNELS = {"channels": [{"label": "a", "color": "00FF00"}, {"label": "b", "color": "FF0000"}]}


def _zarr(zarr_format: int, **options: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        whole = pixels(2, 8, 12)
        stores = Stores()
        said = stores.attributes("cyx", 2, omero=_CHANNELS)
        chosen = {"chunks": (2, 4, 12), "attributes": said} | options
        stores.make(path, "cyx", [whole, whole[:, ::2, ::2]], zarr_format, **chosen)

    return make


def _is_chunk(place: Path) -> bool:
    # only those of the largest array are read
    return place.parts[0] == "0" and not _NAMED.fullmatch(place.name)


@contextmanager
def same_uids() -> Iterator[None]:
    """Let pydicom make the same identifiers every time, so that files of one number are the same."""
    numbers = count(10**6)
    with patch("pydicom.uid.generate_uid", lambda *_, **__: f"1.2.826.0.1.3680043.8.498.{next(numbers)}"):
        yield


def _series(path: Path) -> None:
    with same_uids():
        series(path)


def dicom_marks(content: bytes) -> list[int]:
    """The preamble, and where each field of the groups of images and pixels begins."""
    places = [found.start() for found in re.finditer(rb"[\x02\x08\x28\xe0\xfe]\x00..|\xe0\x7f\x10\x00", content)]
    return [128, 132, *places, *(place + 8 for place in places)]


def _analyze(path: Path) -> None:
    path.mkdir()
    nib.save(nib.AnalyzeImage(pixels(16, 12, 3, dtype="int16"), np.eye(4)), path / "a.img")


def _pair(path: Path) -> None:
    path.mkdir()
    nib.save(nib.Nifti1Pair(pixels(16, 12, 3, dtype="int16"), np.eye(4)), path / "a.img")


FOLDERS: dict[str, Seed] = {
    "ome-zarr/0.4": Seed(".ome.zarr", _zarr(2), only_pixels=_is_chunk),
    "ome-zarr/0.4-plain": Seed(".ome.zarr", _zarr(2, compressors=None), only_pixels=_is_chunk),
    "ome-zarr/0.4-gzip": Seed(".ome.zarr", _zarr(2, compressors={"id": "gzip", "level": 1}), only_pixels=_is_chunk),
    "ome-zarr/0.5": Seed(".ome.zarr", _zarr(3), only_pixels=_is_chunk),
    "ome-zarr/0.5-blosc": Seed(".ome.zarr", _zarr(3, compressors=BloscCodec()), only_pixels=_is_chunk),
    "ome-zarr/0.5-shards": Seed(".ome.zarr", _zarr(3, shards=(2, 8, 12)), only_pixels=_is_chunk),
    "dicom-series": Seed("", _series, None, dicom_marks),
    "analyze": Seed("", _analyze, None, lambda _: tuple(range(0, 348, 4)), entry="a.hdr"),
    "nifti/pair": Seed("", _pair, None, lambda _: tuple(range(0, 352, 4)), entry="a.hdr"),
}
