"""Stores that are damaged, hostile or something else: one clear error each, and nothing outside the store is read."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec

from noise2detail.cli.jobs import plan_jobs
from noise2detail.errors import InputError, SettingError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io import default_output, open_image, save_image

Noise = Callable[..., Any]
Stores = Any
Change = Callable[[Any], Any]

BLOSC = {"id": "blosc", "cname": "lz4", "clevel": 3, "shuffle": 1, "blocksize": 0}
STORED: dict[str, tuple[int, dict[str, Any]]] = {
    "v3-zstd": (3, {}),
    "v3-none": (3, {"compressors": None}),
    "v3-blosc": (3, {"compressors": BloscCodec()}),
    "v3-blosc-crc": (3, {"compressors": [BloscCodec(), Crc32cCodec()]}),
    "sharded": (3, {"chunks": (4, 4), "shards": (8, 8)}),
    "sharded-blosc": (3, {"chunks": (4, 4), "shards": (8, 8), "compressors": BloscCodec()}),
    "v2-none": (2, {"compressors": None}),
    "v2-blosc": (2, {"compressors": BLOSC}),
    "v2-gzip": (2, {"compressors": {"id": "gzip", "level": 1}}),
    "v2-zstd": (2, {"compressors": {"id": "zstd", "level": 1}}),
    "v2-lz4": (2, {"compressors": {"id": "lz4", "acceleration": 1}}),
}


def edit(file: Path, change: Change) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps(change(content) or content))


def a_chunk(store: Path) -> Path:
    return max(file for file in (store / "0").rglob("*") if file.is_file() and file.name[0].isdigit())


@pytest.mark.parametrize("stored", STORED)
def test_a_cut_chunk_is_never_read(stored: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    zarr_format, options = STORED[stored]
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))], zarr_format, **{"chunks": (8, 8)} | options)
    chunk = a_chunk(source)
    whole = chunk.read_bytes()
    cuts = {0, 1, 3, 12, 16, 17, 40, len(whole) // 2, len(whole) - 20, len(whole) - 5, len(whole) - 1}
    for cut in sorted(cut for cut in cuts if 0 <= cut < len(whole)):
        chunk.write_bytes(whole[:cut])
        with pytest.raises(UnreadableFileError, match=r"chunk|decoded|index"):
            open_image(source)
    chunk.write_bytes(whole)
    open_image(source)


@pytest.mark.parametrize("blosc", [False, True])
def test_a_cut_shard_that_begins_with_its_index(blosc: bool, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    options: dict[str, Any] = {"compressors": BloscCodec()} if blosc else {}
    shards = {"shape": (8, 8), "index_location": "start"}
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))], chunks=(4, 4), shards=shards, **options)
    open_image(source)
    chunk = a_chunk(source)
    whole = chunk.read_bytes()
    for cut in range(len(whole)):
        chunk.write_bytes(whole[:cut])
        with pytest.raises(UnreadableFileError):
            open_image(source)


def test_absent_chunks_are_fill_values_but_not_all(
    stores: Stores, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))], fill_value=7, chunks=(4, 4))
    (source / "0" / "c" / "0" / "0").unlink()
    (source / "0" / "Thumbs.db").write_text("of no interest")
    assert (open_image(source).array[:4, :4] == 7).all()
    assert "1 of 4 chunks are not there" in caplog.text
    for file in (source / "0" / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(UnreadableFileError, match="not one chunk"):
        open_image(source)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_are_not_made_up_by_the_thousand(zarr_format: int, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    # A number changed in the shape: zarr looked for each of 50000 chunks, at a rate of some thousands a second.
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))], zarr_format, chunks=(4, 4))
    edit(source / "0" / ("zarr.json" if zarr_format == 3 else ".zarray"), lambda said: said | {"shape": [100000, 8]})
    with pytest.raises(UnreadableFileError, match="holds 4 of 50000 chunks"):
        open_image(source)


PATHS = ["../b.zarr/0", "/etc", "..", "", ".", "0/../../b.zarr/0", "s3://bucket/0", "C:\\0", "0//", 0, None, ["0"], {}]


@pytest.mark.parametrize("path", PATHS)
def test_places_outside_the_store(path: object, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    stores.make(tmp_path / "b.zarr", "yx", [noise((8, 8))])
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])

    def change(group: Any) -> None:
        group["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = path

    edit(source / "zarr.json", change)
    with pytest.raises(UnreadableFileError, match=r"no place in the store|name no arrays"):
        open_image(source)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("what", ["0", "0/c", "0/c/0/0", "zarr.json", "0/zarr.json"])
def test_links_out_of_the_store(what: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    (source / what).rename(tmp_path / "elsewhere")
    (source / what).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableFileError, match=r"link.*cp -rL"):
        open_image(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files there")
def test_a_pipe_is_not_waited_for(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    chunk = a_chunk(source)
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(UnreadableFileError, match="no regular file"):
        open_image(source)


V2: dict[str, tuple[dict[str, Any], str]] = {
    "object": ({"dtype": "|O", "filters": [{"id": "pickle"}]}, "expected numbers"),
    "pickle": ({"filters": [{"id": "pickle"}]}, "'pickle', which is not known"),
    "text": ({"dtype": "<U4"}, "expected numbers"),
    "record": ({"dtype": [["a", "<u2"]]}, "expected numbers"),
    "complex": ({"dtype": "<c8"}, "complex numbers"),
    "codec": ({"compressor": {"id": "imagecodecs_jpeg2k"}}, "jpeg2k"),
    "no codec": ({"compressor": 5}, "not known"),
    "filters": ({"filters": "delta"}, "has filters"),
    "order": ({"order": "K"}, "no known way"),
    "separator": ({"dimension_separator": "../"}, "no known way"),
    "shape": ({"shape": [8, -8]}, "expected"),
    "no shape": ({"shape": None}, "expected"),
    "huge": ({"shape": [10**8, 10**8], "chunks": [10**5, 10**5]}, "memory"),
    "beyond": ({"shape": [10**30, 10**30]}, "expected"),
    "chunk bomb": ({"chunks": [10**8, 10**8]}, "memory"),
    "crumbs": ({"shape": [10**5, 10**5], "chunks": [1, 1]}, "chunks"),
    "empty": ({"shape": [0, 8]}, "expected"),
    "rank": ({"chunks": [4, 4, 4]}, "expected 2"),
    "flat": ({"shape": [8], "chunks": [8]}, "rows and columns"),
    "more axes": ({"shape": [1, 8, 8], "chunks": [1, 4, 4]}, "names 2 axes"),
    "format": ({"zarr_format": 7}, "another Zarr format"),
    "not the type": ({"dtype": "<f8"}, "decoded"),
    "fill": ({"fill_value": "much"}, "decoded"),
}


@pytest.mark.parametrize("case", V2)
def test_arrays_of_zarr_2(case: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))], 2, compressors=None)
    changed, said = V2[case]
    edit(source / "0" / ".zarray", lambda document: document | changed)
    with pytest.raises((UnreadableFileError, TypeError), match=said):
        open_image(source)


def sharding(**changed: Any) -> dict[str, Any]:
    plain = [{"name": "bytes", "configuration": {"endian": "little"}}]
    settings = {"chunk_shape": [2, 2], "codecs": plain, "index_codecs": plain}
    return {"codecs": [{"name": "sharding_indexed", "configuration": settings | changed}]}


V3: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"data_type": "string"}, "expected numbers"),
    "structured": ({"data_type": {"name": "struct"}}, "expected numbers"),
    "complex": ({"data_type": "complex64"}, "complex numbers"),
    "codec": ({"codecs": ["bytes", {"name": "numcodecs.pickle"}]}, "pickle"),
    "no codecs": ({"codecs": []}, "not known"),
    "codecs": ({"codecs": None}, "has codecs"),
    "codec number": ({"codecs": [5]}, "about its storage"),
    "grid": ({"chunk_grid": {"name": "rectilinear"}}, "no known way"),
    "no grid": ({"chunk_grid": None}, "about its storage"),
    "keys": ({"chunk_key_encoding": "suffix"}, "no known way"),
    "transformers": ({"storage_transformers": [{"name": "x"}]}, "no known way"),
    "huge": ({"shape": [2**62, 2**62]}, "chunks"),
    "shards of shards": (sharding(codecs=sharding()["codecs"]), "not known"),
    "odd shards": (sharding(chunk_shape=[3, 3]), "do not fill"),
    "index": (sharding(index_codecs=["gzip"]), "index"),
    "node": ({"node_type": "table"}, "neither a group nor an array"),
    "a group": ({"node_type": "group"}, "is a group"),
}


@pytest.mark.parametrize("case", V3)
def test_arrays_of_zarr_3(case: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    changed, said = V3[case]
    edit(source / "0" / "zarr.json", lambda document: document | changed)
    with pytest.raises((UnreadableFileError, TypeError), match=said):
        open_image(source)


def test_lying_consolidated_metadata_are_not_believed(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    pixels = noise((8, 8))
    source = stores.make(tmp_path / "a.zarr", "yx", [pixels])
    lie = json.loads((source / "0" / "zarr.json").read_text()) | {"shape": [10**6, 10**6]}
    consolidated = {"kind": "inline", "must_understand": False, "metadata": {"0": lie}}
    edit(source / "zarr.json", lambda group: group | {"consolidated_metadata": consolidated})
    np.testing.assert_array_equal(open_image(source).array, pixels)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000, "\xff"])
@pytest.mark.parametrize("file", ["zarr.json", "0/zarr.json"])
def test_metadata_that_are_no_json_object(file: str, text: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    (source / file).write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableFileError, match="JSON"):
        open_image(source)


GROUPS: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "without OME metadata"),
    "plate": ({"ome": {"plate": {"wells": []}}}, "is a plate"),
    "well": ({"ome": {"well": {"images": []}}}, "is a well"),
    "labels": ({"ome": {"labels": ["a"]}}, "holds labels"),
    "later": ({"ome": {"multiscales": [{"coordinateSystems": [], "datasets": [{"path": "0"}]}]}}, "later than 0.5"),
    "multiscales": ({"ome": {"multiscales": 5}}, "name no arrays"),
    "datasets": ({"ome": {"multiscales": [{"datasets": {}}]}}, "name no arrays"),
    "gone": ({"ome": {"multiscales": [{"datasets": [{"path": "0"}, {"path": "9"}]}]}}, "'9', which is not there"),
    "no axes": ({"ome": {"multiscales": [{"datasets": [{"path": "0"}]}]}}, "does not say what its 2 axes are"),
    "twice": ({"ome": {"multiscales": [{"axes": ["x", "x"], "datasets": [{"path": "0"}]}]}}, "calls its axes x, x"),
    "nameless": ({"ome": {"multiscales": [{"axes": [1, None], "datasets": [{"path": "0"}]}]}}, r"calls its axes \?"),
    "ome": ({"ome": 7}, "without OME metadata"),
    "attributes": (None, "without OME metadata"),
    "no series": ({"ome": {"bioformats2raw.layout": 3}}, "0.* is a Zarr array without OME"),
}


@pytest.mark.parametrize("case", GROUPS)
def test_groups_that_are_no_image(case: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    attributes, said = GROUPS[case]
    edit(source / "zarr.json", lambda group: group | {"attributes": attributes})
    with pytest.raises((UnreadableFileError, ValueError), match=said):
        open_image(source)


def test_growing_levels(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8)), noise((9, 8))])
    with pytest.raises(UnreadableFileError, match="is followed by one of"):
        open_image(source)


def test_more_than_the_memory(stores: Stores, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stores.make(tmp_path / "a.zarr", "yx", [noise((8, 8))])
    free = psutil.virtual_memory()._replace(available=100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(UnreadableFileError, match="memory"):
        open_image(source)


def test_folders_that_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(UnreadableFileError, match="none of the files that describe"):
        open_image(tmp_path / "a.zarr")
    (tmp_path / "b").mkdir()
    with pytest.raises(UnreadableFileError, match="is a folder"):
        open_image(tmp_path / "b")


def test_outputs_of_the_command(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "in.ome.zarr", "yx", [noise((8, 8))])
    there = save_image(Image(noise((8, 8)), "YX"), tmp_path / "there.ome.zarr")

    def outputs(output: str | None) -> list[str]:
        jobs = plan_jobs([store], output, overwrite=True)
        assert not jobs.several
        return [job.output.relative_to(tmp_path).as_posix() for job in jobs.jobs]

    assert outputs(None) == ["in_denoised.ome.zarr"]
    assert outputs(str(there)) == ["there.ome.zarr"]
    assert outputs(str(tmp_path / "new.ome.zarr")) == ["new.ome.zarr"]
    assert outputs(str(tmp_path / "new.ome.tif")) == ["new.ome.tif"]
    assert outputs(str(tmp_path / "folder")) == ["folder/in.ome.zarr"]
    with pytest.raises(SettingError, match="named like one image"):
        plan_jobs([store, there], str(tmp_path / "new.zarr"), overwrite=True)
    denoised = save_image(Image(noise((8, 8)), "YX"), default_output(store))
    denoised.with_name(denoised.name + ".n2d.json").write_text("{}")
    assert [job.source for job in plan_jobs([denoised], None, overwrite=True).jobs] == [denoised]
    found = plan_jobs([tmp_path], None, overwrite=True)
    assert {job.source for job in found.jobs} == {store, there}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.just(10**30)
    | st.floats()
    | st.sampled_from(["", "x", "0", "bytes"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id", "path"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every container in a document, with each of its keys."""
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    return [place for key in keys for place in [(content, key), *places(content[key])]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), zarr_format=st.sampled_from([2, 3]), put=JSON)
def test_any_value_anywhere(
    data: st.DataObject, zarr_format: int, put: Any, stores: Stores, noise: Noise, tmp_path: Path
) -> None:
    source = tmp_path / f"{zarr_format}.zarr"
    if not source.exists():
        channels = {"channels": [{"label": "a"}, {"label": "b"}]}
        said = stores.attributes("cyx", 1, omero=channels)
        stores.make(source, "cyx", [noise((2, 4, 4))], zarr_format, attributes=said)
    names = ["zarr.json", "0/zarr.json"] if zarr_format == 3 else [".zattrs", ".zgroup", "0/.zarray"]
    file = source / data.draw(st.sampled_from(names))
    before = file.read_text()
    content = json.loads(before)
    container, key = data.draw(st.sampled_from(places(content)))
    container[key] = put
    try:
        file.write_text(json.dumps(content))
        image = open_image(source)
    except (UnreadableFileError, InputError):
        return
    finally:
        file.write_text(before)
    assert image.array.shape == (2, 4, 4) or "0" in file.parts[-2]
