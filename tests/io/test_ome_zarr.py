"""OME-Zarr read and written; judged by zarr-python and by yaozarrs, which knows the specification."""

import itertools
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import default_output, describe, find_images, open_image, save_image, sha256
from noise2detail.io.pyramid import reduced
from noise2detail.plans import Provenance

Noise = Callable[..., Any]
Real = Callable[[str], Path]
Stores = Any

SCALE = {"t": 2.5, "c": 1.0, "z": 0.5, "y": 0.25, "x": 0.125}

LENGTHS = {"t": 2, "c": 3, "z": 4, "y": 6, "x": 8}
SUBSETS = ["".join(one) + "yx" for n in range(4) for one in itertools.combinations("tcz", n)]
REAL = ["ome-zarr/blobs_image_v04.ome.zarr", "ome-zarr/blobs_image_v05.ome.zarr", "bioformats-zarr/data.zarr"]
STORED: dict[str, tuple[int, dict[str, Any]]] = {
    "sharded": (3, {"chunks": (2, 2), "shards": (4, 4)}),
    "sharded-blosc": (3, {"chunks": (2, 2), "shards": (4, 4), "compressors": BloscCodec()}),
    "v3-blosc": (3, {"compressors": BloscCodec(cname="lz4")}),
    "v3-gzip": (3, {"compressors": GzipCodec()}),
    "v3-none": (3, {"compressors": None}),
    "v3-big-endian": (3, {"serializer": BytesCodec(endian="big")}),
    "v3-dots": (3, {"chunk_key_encoding": {"name": "default", "separator": "."}}),
    "v3-v2-names": (3, {"chunk_key_encoding": {"name": "v2", "separator": "."}}),
    "v2-dots": (2, {"chunk_key_encoding": {"name": "v2", "separator": "."}}),
    "v2-blosc": (2, {"compressors": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0}}),
    "v2-zstd": (2, {"compressors": {"id": "zstd", "level": 2}}),
    "v2-gzip": (2, {"compressors": {"id": "gzip", "level": 2}}),
    "v2-none": (2, {"compressors": None, "fill_value": 7}),
    "v2-columns": (2, {"order": "F"}),
}


def judged(path: Path) -> Any:
    """The group as the reference library opens it, after the specification has been checked."""
    group = zarr.open_group(path, mode="r")
    if group.metadata.zarr_format == 3:
        yaozarrs.validate_zarr_store(str(path))
    else:
        yaozarrs.validate_ome_object(group.attrs.asdict(), yaozarrs.v04.Image)
    return group


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("axes", SUBSETS)
def test_every_subset_of_axes(
    stores: Stores, axes: str, zarr_format: int, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = noise(tuple(LENGTHS[axis] for axis in axes))
    shown = {"color": "FF0000", "window": {"min": 0, "max": 65535, "start": 9, "end": 99}}
    channels = {"channels": [{"label": name, **shown} for name in ("DAPI", "GFP", "RFP")]}
    more = {"omero": channels} if "c" in axes else {}
    said = stores.attributes(axes, 2, **more)
    source = stores.make(tmp_path / "in.ome.zarr", axes, [pixels, pixels[..., ::2, ::2]], zarr_format, attributes=said)
    image = open_image(source)
    assert image.axes == axes.upper()
    assert image.pixel_size_um == {axis.upper(): SCALE[axis] for axis in axes if axis in "zyx"}
    assert image.time_increment == (2.5 if "t" in axes else None)
    assert image.channel_names == (("DAPI", "GFP", "RFP") if "c" in axes else ())
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    output = save_image(image, tmp_path / "out.ome.zarr", source=source)
    assert not caplog.records, "nothing is lost"
    assert stores.metadata(output) == stores.metadata(source)
    group = judged(output)
    np.testing.assert_array_equal(group["0"][...], pixels, strict=True)
    np.testing.assert_array_equal(group["1"][...], reduced(pixels, group["1"].shape), strict=True)


@pytest.mark.parametrize("stored", STORED)
def test_every_way_to_store(stores: Stores, stored: str, noise: Noise, tmp_path: Path) -> None:
    zarr_format, options = STORED[stored]
    pixels = noise((10, 12))
    source = stores.make(tmp_path / "in.zarr", "yx", [pixels], zarr_format, **{"chunks": (4, 5)} | options)
    image = open_image(source)
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    denoised = replace(image, array=noise((10, 12), seed=1))
    output = save_image(denoised, tmp_path / "out.zarr")
    assert stores.metadata(output) == stores.metadata(source)
    np.testing.assert_array_equal(judged(output)["0"][...], denoised.array)
    names = [{file.relative_to(root).as_posix() for file in root.rglob("*")} for root in (source, output)]
    assert names[0] == names[1]


@pytest.mark.parametrize("stored", STORED)
def test_another_pixel_type(stores: Stores, stored: str, noise: Noise, tmp_path: Path) -> None:
    zarr_format, options = STORED[stored]
    source = stores.make(tmp_path / "in.zarr", "yx", [noise((8, 8))], zarr_format, **{"chunks": (4, 4)} | options)
    image = replace(open_image(source), array=noise((8, 8), "float32"))
    found = judged(save_image(image, tmp_path / "out.zarr"))["0"]
    assert found.dtype == np.float32
    assert found.chunks == judged(source)["0"].chunks
    np.testing.assert_array_equal(found[...], image.array)


@pytest.mark.parametrize("dtype", [">u2", ">f4", "|i1", "|b1", "<f8", ">i8", "<f2"])
def test_types_of_zarr_2(stores: Stores, dtype: str, noise: Noise, tmp_path: Path) -> None:
    native = np.dtype(dtype).newbyteorder("=")
    pixels = noise((6, 7), native.name)
    source = stores.make(tmp_path / "in.zarr", "yx", [pixels.astype(dtype)], 2)
    assert json.loads((source / "0" / ".zarray").read_text())["dtype"] == dtype
    image = open_image(source)
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    assert image.array.dtype.isnative
    output = save_image(image, tmp_path / "out.zarr")
    assert stores.metadata(output) == stores.metadata(source)
    np.testing.assert_array_equal(judged(output)["0"][...], pixels)


@pytest.mark.parametrize("name", REAL)
def test_real_stores_come_back(stores: Stores, name: str, real: Real, tmp_path: Path) -> None:
    source = real(f"formats/omezarr/{name}")
    output = save_image(open_image(source), tmp_path / source.name, source=source)
    assert stores.metadata(output) == stores.metadata(source)
    level = "0/0" if "bioformats" in name else "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a list of no filters, which the reference library does not like to see
        before, after = (zarr.open_array(root / level, mode="r")[...] for root in (source, output))
    np.testing.assert_array_equal(after, before, strict=True)


def test_real_converter(real: Real) -> None:
    image = open_image(real("formats/omezarr/bioformats-zarr/data.zarr"))
    assert (image.axes, image.array.shape) == ("TCZYX", (1, 3, 1, 167, 439))
    assert image.array.dtype == np.dtype("int8")
    assert image.pixel_size_um == {}
    assert {"sizes": "2", "OME-Zarr": "0.1 on Zarr 2"}.items() <= dict(describe(image)).items()


@pytest.mark.parametrize(
    ("axes", "ordered"), [("YX", "YX"), ("TZCYX", "TCZYX"), ("CZYX", "CZYX"), ("ZCYX", "CZYX"), ("TYX", "TYX")]
)
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_fresh_store(axes: str, ordered: str, dtype: str, noise: Noise, tmp_path: Path, provenance: Provenance) -> None:
    pixels = noise(tuple({"Y": 300, "X": 517}.get(axis, 2) for axis in axes), dtype)
    sizes = {"X": 0.1, "Y": 0.2} | ({"Z": 0.7} if "Z" in axes else {})
    names = ("DAPI", "µ-tubes") if "C" in axes else ()
    image = Image(pixels, axes, sizes, 3.0 if "T" in axes else None, names)
    output = save_image(image, tmp_path / "new.ome.zarr", provenance=provenance)
    group = judged(output)
    said = group.attrs["ome"]
    assert said["version"] == "0.5"
    assert "seed 7" in group.attrs["noise2detail"]
    assert [axis["name"] for axis in said["multiscales"][0]["axes"]] == list(ordered.lower())
    expected = pixels.transpose([axes.index(axis) for axis in ordered])
    np.testing.assert_array_equal(group["0"][...], expected, strict=True)
    assert [group[str(level)].shape[-2:] for level in range(3)] == [(300, 517), (150, 259), (75, 130)]
    assert "3" not in group
    again = open_image(output)
    assert (again.axes, again.pixel_size_um, again.time_increment) == (ordered, sizes, image.time_increment)
    assert again.channel_names == names
    assert all(chunk == 1 for chunk in group["0"].chunks[:-2])


def test_large_planes_are_cut_into_tiles(tmp_path: Path) -> None:
    group = judged(save_image(Image(np.zeros((1500, 700), np.uint8), "YX"), tmp_path / "new.zarr"))
    assert group["0"].chunks == (1024, 700)
    assert len(list((tmp_path / "new.zarr" / "0" / "c").rglob("0"))) > 0, "chunks of fill values are written too"


def test_one_channel_without_its_axis(noise: Noise, tmp_path: Path) -> None:
    save_image(Image(noise((8, 8)), "YX", channel_names=("DAPI",)), tmp_path / "new.zarr")
    assert open_image(tmp_path / "new.zarr").channel_names == ("DAPI",)


def test_what_a_store_cannot_hold(noise: Noise, tmp_path: Path) -> None:
    with pytest.raises(UnwritableFileError, match=r"RGB.*\.ome\.tif"):
        save_image(Image(noise((8, 8, 3), "uint8"), "YXS"), tmp_path / "new.zarr")
    with pytest.raises(UnwritableFileError, match="complex64"):
        save_image(Image(np.zeros((8, 8), np.complex64), "YX"), tmp_path / "new.zarr")
    assert not list(tmp_path.iterdir())


def test_units_are_understood_and_their_absence_too(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    pixels = noise((2, 4, 4))
    units = {"t": "millisecond", "y": "nanometer", "x": "angstrom"}
    said = stores.attributes("tyx", 1, units)
    said["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [2.0, 1.0, 4.0]}]
    image = open_image(stores.make(tmp_path / "a.zarr", "tyx", [pixels], 2, attributes=said))
    assert image.pixel_size_um == pytest.approx({"Y": 0.25e-3, "X": 0.5e-4})
    assert image.time_increment == pytest.approx(5e-3)
    bare = open_image(stores.make(tmp_path / "b.zarr", "tyx", [pixels], 2, attributes=stores.attributes("tyx", 1, {})))
    assert bare.pixel_size_um == {}
    assert bare.time_increment is None
    for odd in ([1.0, 2.0], [1.0, 0.0, -1.0], "large", [1.0, None, True]):
        said["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": odd}]
        stores.make(tmp_path / "c.zarr", "tyx", [pixels], 2, attributes=said)
        assert open_image(tmp_path / "c.zarr").pixel_size_um == {}
        shutil.rmtree(tmp_path / "c.zarr")


def test_axes_of_other_names(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    said = stores.attributes("tczyx")
    for axis, name in zip(said["multiscales"][0]["axes"], ("frame", "wave", "k", "j", "i"), strict=True):
        axis["name"] = name
    source = stores.make(tmp_path / "a.zarr", "tczyx", [noise((1, 2, 3, 4, 5))], attributes=said)
    assert open_image(source).axes == "TCZYX"
    said["multiscales"][0]["axes"][1]["type"] = "lifetime"
    other = stores.make(tmp_path / "b.zarr", "tczyx", [noise((1, 2, 3, 4, 5))], attributes=said)
    with pytest.raises(ValueError, match="calls its axes frame, wave, k, j, i; name them"):
        open_image(other)
    image = open_image(other, "TCZYX")
    assert open_image(save_image(image, tmp_path / "c.zarr")).axes == "TCZYX"


def test_axes_of_the_user(stores: Stores, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = stores.make(tmp_path / "a.zarr", "zyx", [noise((3, 4, 5))])
    image = open_image(source, "TYX")
    assert image.axes == "TYX"
    assert open_image(save_image(image, tmp_path / "b.zarr")).axes == "TYX"
    assert "chunks, compression and attributes" in caplog.text


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_store_of_the_converter(stores: Stores, zarr_format: int, noise: Noise, tmp_path: Path) -> None:
    source, pixels = tmp_path / "in.zarr", noise((4, 6))
    stores.make(source, "yx", [pixels, pixels[::2, ::2]], zarr_format, inside="0")
    layout: dict[str, Any] = {"bioformats2raw.layout": 3}
    root: Any = zarr.open_group(source, mode="a")
    root.attrs.update(layout if zarr_format == 2 else {"ome": {"version": "0.5", **layout}})
    listing = root.create_group("OME")
    listing.attrs.update({"series": ["0"]} if zarr_format == 2 else {"ome": {"version": "0.5", "series": ["0"]}})
    (source / "OME" / "METADATA.ome.xml").write_text("<OME/>")
    image = open_image(source)
    np.testing.assert_array_equal(image.array, pixels)
    output = save_image(image, tmp_path / "out.zarr")
    assert stores.metadata(output) == stores.metadata(source)
    assert (output / "OME" / "METADATA.ome.xml").read_text() == "<OME/>"
    alone = save_image(open_image(source / "0"), tmp_path / "alone.zarr")
    np.testing.assert_array_equal(judged(alone)["0"][...], pixels)
    stores.make(source, "yx", [pixels], zarr_format, inside="1")
    shutil.rmtree(source / "OME")
    with pytest.raises(OSError, match=r"holds 2 series: 0 '0', 1 '1'; expected one; .*--image"):
        open_image(source)


def test_what_stays_behind_is_said(
    stores: Stores, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = stores.make(tmp_path / "in.zarr", "yx", [noise((4, 4))])
    zarr.open_group(source, mode="a").create_group("labels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated metadata are no part of the specification
        zarr.consolidate_metadata(source)
    assert "consolidated_metadata" in (source / "zarr.json").read_text()
    image = open_image(source)
    assert ("not carried over", "the folder labels") in describe(image)
    output = save_image(image, tmp_path / "out.zarr")
    assert "the folder labels" in caplog.text
    assert not (output / "labels").exists()
    copies = json.loads((output / "zarr.json").read_text())["consolidated_metadata"]["metadata"]
    assert list(copies) == ["0"], "nothing of what stayed behind"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_are_made_anew(
    stores: Stores, zarr_format: int, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    levels = [noise((6, 8)), noise((3, 4))]
    source = stores.make(tmp_path / "in.zarr", "yx", levels, zarr_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated metadata are no part of the specification
        zarr.consolidate_metadata(source)
    denoised = replace(open_image(source), array=noise((6, 8), "float32"))
    output = save_image(denoised, tmp_path / "out.zarr")
    assert not caplog.records, "nothing is lost"
    group: Any = zarr.open_consolidated(output)
    assert sorted(group) == ["0", "1"]
    assert group["0"].dtype == np.float32
    np.testing.assert_array_equal(group["0"][...], denoised.array)
    consolidated = group.metadata.consolidated_metadata
    assert consolidated is not None
    assert sorted(consolidated.metadata) == ["0", "1"]


def test_note_goes_into_the_attributes(stores: Stores, noise: Noise, tmp_path: Path, provenance: Provenance) -> None:
    source = stores.make(tmp_path / "in.zarr", "yx", [noise((4, 4))], 2)
    once = save_image(open_image(source), tmp_path / "once.zarr", provenance=provenance)
    twice = save_image(open_image(once), tmp_path / "twice.zarr", provenance=provenance)
    before, after = (json.loads((store / ".zattrs").read_text()) for store in (source, twice))
    note = after.pop("noise2detail")
    assert note.count("Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7") == 2
    assert after == before
    judged(twice)


def test_other_formats_in_and_out(noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = Image(noise((2, 3, 8, 8)), "TCYX", {"X": 0.1, "Y": 0.1}, 0.5, ("a", "b", "c"))
    tiff = save_image(image, tmp_path / "a.ome.tif")
    store = save_image(open_image(tiff), tmp_path / "b.ome.zarr")
    back = open_image(save_image(open_image(store), tmp_path / "c.ome.tif"))
    assert "chunks, smaller sizes and attributes of the OME-Zarr" in caplog.text
    np.testing.assert_array_equal(np.asarray(back.array).reshape(image.array.shape), image.array)
    assert (back.pixel_size_um, back.time_increment, back.channel_names) == (
        image.pixel_size_um,
        image.time_increment,
        image.channel_names,
    )


def test_stores_are_found_and_replaced(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "in.zarr", "yx", [noise((4, 4))])
    assert find_images([tmp_path]).images == (store,)
    assert find_images([store]).images == (store,)
    assert default_output(store).name == "in_denoised.zarr"
    assert default_output(store / "A" / "1") == tmp_path / "in_A_1_denoised.zarr"
    nameless = stores.make(tmp_path / "sub" / "nameless", "yx", [noise((4, 4))])
    assert default_output(nameless).name == "nameless_denoised.ome.zarr"
    assert default_output(nameless / "0") == nameless.with_name("nameless_0_denoised.ome.zarr")
    shutil.rmtree(tmp_path / "sub")
    image = open_image(store)
    output = save_image(image, tmp_path / "out.zarr")
    changed = replace(image, array=image.array[::-1].copy())
    save_image(changed, output, overwrite=True)
    np.testing.assert_array_equal(open_image(output).array, changed.array)
    assert {entry.name for entry in tmp_path.iterdir()} == {"in.zarr", "out.zarr"}


def test_stores_of_others_are_not_replaced(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "in.zarr", "yx", [noise((4, 4))], inside="0")
    image, before = open_image(store / "0"), sha256(store)
    mine = tmp_path / "mine.zarr"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for target in (store, store / "0", store / "out.zarr", store / "0" / "out.npy", mine):
        with pytest.raises(OSError, match=r"input|store|is a folder"):
            save_image(image, target, source=store / "0", overwrite=True)
    assert sha256(store) == before
    assert (mine / "thesis.txt").exists()


def test_digest_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("1")
    before = sha256(tmp_path)
    (tmp_path / "a" / "b").rename(tmp_path / "a" / "c")
    assert sha256(tmp_path) != before
