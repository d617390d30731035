"""Stores behind addresses give what stores in folders give."""

from pathlib import Path
from typing import Any

import fsspec
import pytest

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.scale.beginning import begin
from noise2detail.scale.driving import drive
from noise2detail.scale.place import Bucket, Folder, Place, beside, default_target, place_of, sayable
from noise2detail.scale.running import run
from noise2detail.scale.store import open_store
from tests.scale.material import asked, begun_plan, series, tree, write_store


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    """An address of objects that are gone with the test."""
    url = f"memory://{tmp_path.name}"
    yield url
    system = fsspec.filesystem("memory")
    if system.exists(url):
        system.rm(url, recursive=True)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_address_gives_the_bytes_of_a_folder(memory: str, zarr_format: int, tmp_path: Path) -> None:
    local = write_store(tmp_path / "a.ome.zarr", series(2, 70, 70), zarr_format=zarr_format)
    assert drive(begun_plan(local, tmp_path / "b.ome.zarr")).finished
    fsspec.filesystem("memory").put(str(local), f"{memory}/a.ome.zarr", recursive=True)
    wanted = asked(f"{memory}/a.ome.zarr", f"{memory}/b.ome.zarr")
    assert run(wanted, workers=0).finished
    fsspec.filesystem("memory").get(f"{memory}/b.ome.zarr", str(tmp_path / "back.ome.zarr"), recursive=True)
    assert tree(tmp_path / "back.ome.zarr") == tree(tmp_path / "b.ome.zarr")
    again = run(wanted, workers=0)
    assert (again.done, again.finished) == (0, True)
    assert not list(place_of(f"{memory}/b.ome.zarr.n2d").files("claim"))


def test_an_address_without_a_store_is_named(memory: str) -> None:
    with pytest.raises(UnreadableFileError, match=r"memory://.*/a.ome.zarr: holds none of the files"):
        open_store(f"{memory}/a.ome.zarr", {})
    with pytest.raises(SettingError, match="no-such-protocol"):
        open_store("no-such-protocol://a", {})


def test_a_damaged_object_is_named(memory: str, tmp_path: Path) -> None:
    local = write_store(tmp_path / "a.ome.zarr", series(2, 70, 70))
    fsspec.filesystem("memory").put(str(local), f"{memory}/a.ome.zarr", recursive=True)
    plan = begin(asked(f"{memory}/a.ome.zarr", f"{memory}/b.ome.zarr"))
    place_of(f"{memory}/a.ome.zarr").write("0/c/0/2/2", b"nothing that zstd knows")
    outcome = drive(plan)
    assert any(f"{memory}/a.ome.zarr/0/c/0/2/2" in unit.reason for unit in outcome.failed)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, memory: str) -> Place:
    return Folder(tmp_path / "some") if request.param == "folder" else Bucket(f"{memory}/some")


def test_what_places_do(place: Place) -> None:
    assert place.read("a/b") is None
    assert place.glance("a/b") is None
    assert list(place.files("a")) == []
    place.remove("a/b")
    place.write("a/b", b"1")
    place.write("a/b", b"2")
    assert place.read("a/b") == b"2"
    assert not place.create("a/b", b"3")
    assert place.create("a/c", b"4")
    assert sorted(place.files("a")) == ["b", "c"]
    assert list(place.folders()) == ["a"]
    content = bytes(range(256)) * 1000
    place.write("long", content)
    assert place.glance("long") == len(content).to_bytes(8, "little") + content[: 2**16] + content[-(2**16) :]
    place.remove("a/b")
    assert list(place.files("a")) == ["c"]
    place.clear("a")
    assert place.read("a/c") is None
    assert place.read("long") == content
    place.clear()
    assert place.read("long") is None


def test_names_of_places() -> None:
    assert default_target("s3://bucket/a.b.ome.zarr/") == "s3://bucket/a.b_denoised.ome.zarr"
    assert default_target("folder/a.zarr") == "folder/a_denoised.zarr"
    assert beside("s3://bucket/a.zarr/", ".n2d") == "s3://bucket/a.zarr.n2d"
    options = {"anon": True, "key": "K", "secret": "S", "session_token": "T", "endpoint_url": "http://localhost"}
    assert sayable(options) == {"anon": True, "endpoint_url": "http://localhost"}
