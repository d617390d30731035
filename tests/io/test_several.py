"""Files that hold several images: one is chosen, by its number or its name."""

import pickle
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import liffile
import nd2
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from tests.io import test_czi, test_lif, test_nd2
from tests.io.conftest import Stores

from noise2detail.errors import SeveralImagesError, UnreadableFileError
from noise2detail.io import image_names, open_image, save_image
from noise2detail.io.several import labels

tiff: Any = tifffile

Noise = Callable[..., Any]
Real = Callable[[str], Path]

SERIES = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'


def lif(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    images = {name: noise((3, 9, 8), seed=seed) for seed, name in enumerate(("left", "right", "7"))}
    return test_lif.make(path / "a.lif", images, "ZYX"), list(images.values()), list(images)


def czi(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    pixels = noise((2, 3, 9, 8))
    return test_czi.make(path / "a.czi", test_czi.grid(pixels, "SZ"), xml=test_czi.SCENES), list(pixels), ["A1", "B7"]


def positions(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    pixels = noise((2, 3, 9, 8, 1))
    source = test_nd2.make(path / "a.nd2", pixels.reshape(6, 9, 8, 1), {"T": 2, "P": 3})
    return source, [pixels[:, place, ..., 0] for place in range(3)], ["well 0", "well 1", "well 2"]


def ome(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    images = [noise((3, 9, 8)), noise((2, 5, 6), seed=1)]
    with tiff.TiffWriter(path / "a.ome.tif") as writer:
        for name, pixels in zip(("first", "second"), images, strict=True):
            writer.write(pixels, metadata={"axes": "ZYX", "Name": name, "PhysicalSizeX": len(pixels)})
    return path / "a.ome.tif", images, ["first", "second"]


def pages(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    images = [noise((9, 8)), noise((7, 6), "uint8")]
    with tiff.TiffWriter(path / "a.tif") as writer:
        for number, pixels in enumerate(images):
            writer.write(pixels, metadata=None, description=f"page {number}")
    return path / "a.tif", images, ["", ""]


def store(path: Path, noise: Noise) -> tuple[Path, list[Any], list[str]]:
    images = [noise((9, 8)), noise((5, 6), seed=1)]
    for number, pixels in enumerate(images):
        Stores().make(path / "a.zarr", "yx", [pixels], inside=str(number))
    root: Any = zarr.open_group(path / "a.zarr", mode="a")
    root.attrs.update({"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    return path / "a.zarr", images, ["0", "1"]


@pytest.mark.parametrize("make", [lif, czi, positions, ome, pages, store])
def test_each_image_by_number_and_name(tmp_path: Path, noise: Noise, make: Any) -> None:
    path, images, names = make(tmp_path, noise)
    assert image_names(path) == tuple(names)
    for number, (pixels, name) in enumerate(zip(images, names, strict=True)):
        image = open_image(path, image=number)
        np.testing.assert_array_equal(image.array, pixels, strict=True)
        if name:
            np.testing.assert_array_equal(open_image(path, image=name).array, pixels, strict=True)
        suffix = ".zarr" if make is store else ".ome.tif" if make is not pages else ".tif"
        output = save_image(image, tmp_path / f"out{number}{suffix}", source=path)
        np.testing.assert_array_equal(open_image(output).array, pixels, strict=True)
        if suffix != ".zarr":
            np.testing.assert_array_equal(tiff.imread(output), pixels, strict=True)
    for choice in (None, len(images), -1, "nothing", ""):
        with pytest.raises(SeveralImagesError, match=f"holds {len(images)} ") as caught:
            open_image(path, image=choice)
        assert caught.value.names == tuple(names)
        assert "--image" in str(caught.value) or choice is not None
        assert pickle.loads(pickle.dumps(caught.value)).names == caught.value.names


@pytest.mark.parametrize("make", [lif, czi, positions, ome, pages])
def test_damaged_files_give_the_whole_image_or_none(tmp_path: Path, noise: Noise, make: Any) -> None:
    path, images, _ = make(tmp_path, noise)
    whole, chance = path.read_bytes(), random.Random(0)
    last = len(images) - 1
    came = Counter[str]()
    for number in range(160):
        at = chance.randrange(len(whole))
        cut = number < 60
        path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1 << number % 8]) + whole[at + 1 :])
        try:
            image = open_image(path, image=last)
        except UnreadableFileError as refusal:
            told = path.name in str(refusal) and bool(refusal.remedy)
            came["refused" if told else "refused without a word"] += 1
        else:
            assert image.array.shape == images[last].shape
            if cut:
                np.testing.assert_array_equal(image.array, images[last])
            came["read"] += 1
    assert set(came) <= {"refused", "read"}
    assert came["refused"] > 20


def test_metadata_are_those_of_the_chosen_image(tmp_path: Path, noise: Noise) -> None:
    path, _, names = ome(tmp_path, noise)
    for number, size in enumerate((3.0, 2.0)):
        image = open_image(path, image=number)
        assert image.pixel_size_um["X"] == size
        output = save_image(image, tmp_path / f"{number}.ome.tif")
        with tiff.TiffFile(output) as tif:
            said = tiff.xml2dict(tif.ome_metadata)["OME"]["Image"]
        assert (said["Name"], said["Pixels"]["PhysicalSizeX"]) == (names[number], size)
    path, _, _ = pages(tmp_path, noise)
    output = save_image(open_image(path, image=1), tmp_path / "1.tif")
    assert tiff.tiffcomment(output) == "page 1"


def test_files_of_one_image_know_only_that(tmp_path: Path, noise: Noise) -> None:
    np.save(tmp_path / "a.npy", noise((9, 8)))
    tiff.imwrite(tmp_path / "a.tif", noise((9, 8)))
    for name in ("a.npy", "a.tif"):
        assert image_names(tmp_path / name) == ("",)
        np.testing.assert_array_equal(open_image(tmp_path / name, image=0).array, noise((9, 8)))
        for choice in (1, "a"):
            with pytest.raises(SeveralImagesError, match=f"holds one image.*none is {choice!r}; choose 0"):
                open_image(tmp_path / name, image=choice)


def test_names_that_are_not_the_only_ones(tmp_path: Path, noise: Noise) -> None:
    path = test_czi.make(
        tmp_path / "a.czi",
        test_czi.grid(noise((2, 9, 8)), "S"),
        xml=test_czi.SCENES.replace("B7", "A1"),
    )
    with pytest.raises(SeveralImagesError, match=r"the numbers 0, 1 are called 'A1'; choose by number"):
        open_image(path, image="A1")


@pytest.mark.parametrize("loops", [{"P": 2}, {"P": 2, "T": 3}, {"T": 3, "P": 2, "Z": 2}, {"P": 2, "T": 3, "Z": 2}])
def test_positions_wherever_they_are(tmp_path: Path, noise: Noise, loops: dict[str, int]) -> None:
    path = test_nd2.make(tmp_path / "a.nd2", noise((int(np.prod([*loops.values()])), 9, 8, 1)), loops)
    with nd2.ND2File(path) as file:
        everything, axis = file.asarray(), [*file.sizes].index("P")
    for number in range(2):
        image = open_image(path, image=number)
        np.testing.assert_array_equal(image.array, everything.take(number, axis), strict=True)
        assert image.time_increment == (1.5 if "T" in loops else None)


@pytest.mark.parametrize(
    "name", ["formats/lif/xz-example/xz-example.lif", "formats/lif/misc/LeicaLASX_wavelength-sweep_example.lif"]
)
def test_real_files_read_like_liffile(real: Real, name: str) -> None:
    with liffile.LifFile(real(name)) as file:
        assert image_names(real(name)) == tuple(one.path for one in file.images)
        for number, one in enumerate(file.images):
            pixels = np.asarray(one.asarray())
            image = open_image(real(name), image=number)
            assert sorted(image.array.shape) == sorted(pixels.shape)
            assert np.asarray(image.array).sum() == pixels.sum()


@given(st.lists(st.text(max_size=60), max_size=12))
def test_labels_never_collide_and_are_safe(names: list[str]) -> None:
    found = labels(names)
    assert len({label.casefold() for label in found}) == len(found) == len(names)
    for label in found:
        assert label
        assert len(label.encode()) <= 60
        assert all(letter.isalnum() or letter in "_-+" for letter in label), label
