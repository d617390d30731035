"""OME-TIFF sets: one image in several files, with and without a companion that holds the OME-XML."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from noise2detail.errors import OutputExistsError, UnreadableFileError
from noise2detail.io import default_output, find_images, open_image, save_image

tiff: Any = tifffile

Noise = Callable[..., Any]

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def uuid(index: int) -> str:
    return f"urn:uuid:4978087c-a670-4b12-af53-256c62d8d10{index}"


def image_xml(names: list[str], first: int, number: int) -> str:
    data = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{name}">{uuid(first + z)}</UUID></TiffData>'
        for z, name in enumerate(names)
    )
    return (
        f'<Image ID="Image:{number}" Name="image {number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="7" SizeY="6" SizeZ="{len(names)}" SizeC="1" SizeT="1" PhysicalSizeX="0.5">'
        f'<Channel ID="Channel:{number}:0" Name="green"/>{data}</Pixels></Image>'
    )


def make(folder: Path, pixels: Any, *, companion: bool = True, images: int = 1, big: str = "") -> Path:
    """A set of one plane a file; gives the companion, or the first part."""
    names = [f"set-{z}.ome.tif" for z in range(len(pixels))]
    each = len(pixels) // images
    said = "".join(image_xml(names[n * each : (n + 1) * each], n * each, n) for n in range(images))
    for z, plane in enumerate(pixels):
        only = f'<BinaryOnly MetadataFile="set.companion.ome" UUID="{uuid(z)}"/>' if companion else said
        text = f'{OME} UUID="{uuid(z)}">{only}</OME>'
        with tiff.TiffWriter(folder / names[z], ome=False, byteorder=">" if names[z] == big else "<") as writer:
            writer.write(plane, description=text, metadata=None)
    if not companion:
        return folder / names[0]
    (folder / "set.companion.ome").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{OME}>{said}</OME>')
    return folder / "set.companion.ome"


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        open_image(path)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("companion", [True, False])
def test_any_file_is_the_whole(tmp_path: Path, noise: Noise, companion: bool) -> None:
    pixels = noise((3, 6, 7))
    whole = make(tmp_path, pixels, companion=companion)
    for path in (whole, *tmp_path.glob("*.ome.tif")):
        image = open_image(path)
        np.testing.assert_array_equal(image.array, pixels, strict=True)
        assert (image.axes, image.pixel_size_um) == ("ZYX", {"X": 0.5})
    (tmp_path / "out").mkdir()
    output = save_image(image, tmp_path / "out" / "set.ome.tif", source=whole)
    np.testing.assert_array_equal(tiff.imread(output), pixels, strict=True)
    with tiff.TiffFile(output) as tif:
        assert tiff.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]["Name"] == "green"
        assert "BinaryOnly" not in tif.ome_metadata
        assert "FileName" not in tif.ome_metadata


@pytest.mark.parametrize("companion", [True, False])
def test_a_folder_is_one_image(tmp_path: Path, noise: Noise, companion: bool) -> None:
    whole = make(tmp_path, noise((3, 6, 7)), companion=companion)
    tiff.imwrite(tmp_path / "other.ome.tif", noise((6, 7)))
    found = find_images([tmp_path])
    assert sorted(found.images) == [tmp_path / "other.ome.tif", whole]
    assert {reason for _, reason in found.skipped} == {f"a part of the image of {whole.name}"}
    assert find_images(sorted(tmp_path.glob("set-*"))).images == (whole,)
    assert default_output(tmp_path / "set.companion.ome").name == "set_denoised.ome.tif"


@pytest.mark.parametrize("companion", [True, False])
def test_no_file_of_the_input_is_replaced(tmp_path: Path, noise: Noise, companion: bool) -> None:
    whole = make(tmp_path, noise((3, 6, 7)), companion=companion)
    files = sorted(tmp_path.iterdir())
    before = [file.read_bytes() for file in files]
    for source in (whole, tmp_path / "set-2.ome.tif"):
        image = open_image(source)
        for part in tmp_path.glob("set-*"):
            with pytest.raises(OutputExistsError, match="input"):
                save_image(image, part, source=source, overwrite=True)
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == before


def test_a_set_of_several_images(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((6, 6, 7))
    whole = make(tmp_path, pixels, images=2)
    refused(whole, "holds 2 images: 0 'image 0'", "--image")
    for number in range(2):
        image = open_image(whole, image=number)
        np.testing.assert_array_equal(image.array, pixels[3 * number :][:3], strict=True)
        (tmp_path / "out").mkdir(exist_ok=True)
        output = save_image(image, tmp_path / "out" / f"{number}.ome.tif", source=whole)
        with tiff.TiffFile(output) as tif:
            assert tiff.xml2dict(tif.ome_metadata)["OME"]["Image"]["Name"] == f"image {number}"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sub/set-1.ome.tif", "outside its folder"),
        ("../set-1.ome.tif", "outside its folder"),
        ("/etc/passwd", "outside its folder"),
        ("C:\\set-1.ome.tif", "outside its folder"),
        ("..", "outside its folder"),
        ("", "outside its folder"),
        ("absent.ome.tif", "its part absent.ome.tif is missing"),
        ("set.companion.ome", "is no TIFF"),
        ("set-0.ome.tif", "two identities"),
        ("folder", "is no file"),
    ],
)
def test_names_in_a_companion(tmp_path: Path, noise: Noise, name: str, found: str) -> None:
    inner = tmp_path / "inner"
    (inner / "sub").mkdir(parents=True)
    (inner / "folder").mkdir()
    path = make(inner, noise((2, 6, 7)))
    for other in (tmp_path, inner / "sub"):
        (other / "set-1.ome.tif").write_bytes((inner / "set-1.ome.tif").read_bytes())
    path.write_text(path.read_text().replace('FileName="set-1.ome.tif"', f'FileName="{name}"'))
    refused(path, found)
    refused(inner / "set-0.ome.tif", found)


@pytest.mark.parametrize("companion", [True, False])
def test_links_that_lead_out(tmp_path: Path, noise: Noise, companion: bool) -> None:
    (tmp_path / "inner").mkdir()
    path = make(tmp_path / "inner", noise((2, 6, 7)), companion=companion)
    part = tmp_path / "inner" / "set-1.ome.tif"
    part.rename(tmp_path / "elsewhere.tif")
    part.symlink_to(tmp_path / "elsewhere.tif")
    refused(path, "set-1.ome.tif leads out of its folder")
    if companion:
        path.rename(tmp_path / "elsewhere.ome")
        path.symlink_to(tmp_path / "elsewhere.ome")
        refused(tmp_path / "inner" / "set-0.ome.tif", "set.companion.ome leads out")


@pytest.mark.parametrize("companion", [True, False])
def test_parts_of_another_set(tmp_path: Path, noise: Noise, companion: bool) -> None:
    path = make(tmp_path, noise((3, 6, 7)), companion=companion)
    part = tmp_path / "set-1.ome.tif"
    part.write_bytes((tmp_path / "set-2.ome.tif").read_bytes())
    refused(path, "its part set-1.ome.tif is another file", uuid(1))
    part.unlink()
    refused(path, "set-1.ome.tif is missing")


def test_what_does_not_fit_together(tmp_path: Path, noise: Noise) -> None:
    path = make(tmp_path, noise((3, 6, 7)), big="set-1.ome.tif")
    refused(path, "differ in byte order")
    make(tmp_path, noise((3, 6, 7)))
    stranger = tmp_path / "stranger.ome.tif"
    stranger.write_bytes((tmp_path / "set-0.ome.tif").read_bytes())
    refused(stranger, "stranger.ome.tif", "does not name it")
    path.unlink()
    refused(tmp_path / "set-0.ome.tif", "set.companion.ome, which is not there")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("<OME", '<!DOCTYPE OME [<!ENTITY a "aaaa">]>\n<OME', "document type"),
        ("</OME>", "", "not well-formed"),
        ('Name="green"', 'Name="&green;"', "not well-formed"),
        ('SizeZ="3"', 'SizeZ="4"', "set.companion.ome"),
        ("TiffData", "Tiffdata", "names no file"),
    ],
)
def test_damaged_companions(tmp_path: Path, noise: Noise, before: str, after: str, found: str) -> None:
    path = make(tmp_path, noise((3, 6, 7)))
    path.write_text(path.read_text().replace(before, after))
    refused(path, found)


def test_damaged_anywhere(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((3, 6, 7))
    path = make(tmp_path, pixels)
    chance = random.Random(0)
    for file in (path, tmp_path / "set-1.ome.tif"):
        whole = file.read_bytes()
        variants = [whole[:cut] for cut in range(0, len(whole), 13)]
        for _ in range(150):
            at = chance.randrange(len(whole))
            variants.append(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        for number, variant in enumerate(variants):
            file.write_bytes(variant)
            try:
                image = open_image(path)
            except UnreadableFileError as refusal:
                told = refusal.remedy
                assert told
            else:
                assert number >= len(variants) - 150 or variant.rstrip() == whole.rstrip()
                assert np.asarray(image.array).shape[-2:] == (6, 7) or file != path
        file.write_bytes(whole)
    np.testing.assert_array_equal(open_image(path).array, pixels)
