"""Writing is all or nothing: every failure leaves the folder as it was and says what to do."""

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noise2detail.io.save as save_module
from noise2detail.errors import FileError, OutputExistsError, UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import (
    default_output,
    describe,
    find_images,
    flushing,
    open_image,
    refuse_output,
    save_image,
    sha256,
    sidecar_path,
    write_bytes,
)
from noise2detail.io.atomic import part_of, put, translated
from noise2detail.io.flushing import flush
from noise2detail.io.npy import write_npy
from noise2detail.io.png import write_png
from noise2detail.plans import Provenance
from noise2detail.types import Pixels

Noise = Callable[..., Any]
NothingLeft = Callable[[], None]

NAMES = ["out.tif", "out.ome.tif", "out.png", "out.npy"]


@pytest.fixture
def image(noise: Noise) -> Image:
    return Image(noise((8, 9)), "YX")


def refused(kind: type[FileError], image: Image, path: Path, found: str, source: Path | None = None) -> FileError:
    with pytest.raises(kind, match=path.name) as caught:
        save_image(image, path, source=source)
    assert found in str(caught.value)
    assert caught.value.remedy
    assert caught.value.path == path
    return caught.value


def test_existing_output(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    path = tmp_path / "out.tif"
    path.write_text("mine")
    nothing_left()
    refused(OutputExistsError, image, path, "is there already")
    assert path.read_text() == "mine"
    with pytest.raises(OutputExistsError):
        refuse_output(path)
    refuse_output(path, overwrite=True)
    assert save_image(image, path, overwrite=True) == path
    np.testing.assert_array_equal(open_image(path).array, image.array)


@pytest.mark.parametrize("kind", ["same", "symbolic", "hard", "other spelling"])
def test_output_that_is_the_input(tmp_path: Path, image: Image, kind: str, nothing_left: NothingLeft) -> None:
    source = save_image(image, tmp_path / "in.tif")
    before = source.read_bytes()
    output = {"same": source, "other spelling": tmp_path / "sub" / ".." / "in.tif"}.get(kind, tmp_path / "link.tif")
    (tmp_path / "sub").mkdir()
    if kind == "symbolic":
        output.symlink_to(source)
    elif kind == "hard":
        os.link(source, output)
    nothing_left()
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="input"):
            save_image(image, output, source=source, overwrite=overwrite)
        with pytest.raises(OutputExistsError, match="input"):
            refuse_output(output, source, overwrite)
    assert source.read_bytes() == before


def test_a_link_to_nowhere_is_there_already(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    path = tmp_path / "out.tif"
    path.symlink_to(tmp_path / "gone.tif")
    nothing_left()
    refused(OutputExistsError, image, path, "is there already")


def test_folder_as_output(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    path = tmp_path / "folder.tif"
    path.mkdir()
    nothing_left()
    refused(OutputExistsError, image, path, "is a folder")


def test_missing_folder(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    nothing_left()
    error = refused(UnwritableFileError, image, tmp_path / "gone" / "out.tif", "is not there")
    assert "create the folder" in error.remedy


def test_folder_without_permission(
    tmp_path: Path, image: Image, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_left()
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(UnwritableFileError, image, tmp_path / "out.tif", "no permission")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_folder_really_without_permission(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    nothing_left()
    tmp_path.chmod(0o500)
    try:
        refused(UnwritableFileError, image, tmp_path / "out.tif", "no permission")
    finally:
        tmp_path.chmod(0o700)


def test_too_little_space(
    tmp_path: Path, image: Image, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_left()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 900, 100))
    refused(UnwritableFileError, image, tmp_path / "out.tif", "100 bytes are free")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("code", "found"), [(errno.ENOSPC, "no space left"), (errno.EACCES, "no permission"), (errno.EIO, "could not be")]
)
def test_disk_fails_while_flushing(
    tmp_path: Path, image: Image, name: str, code: int, found: str, nothing_left: NothingLeft, provenance: Provenance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(_: int) -> None:
        raise OSError(code, "the disk")

    nothing_left()
    monkeypatch.setattr(os, "fsync", fail)
    refused(UnwritableFileError, image, tmp_path / name, found)
    with pytest.raises(UnwritableFileError, match=found):
        save_image(image, tmp_path / name, provenance=provenance)
    with pytest.raises(UnwritableFileError, match=found):
        write_bytes(tmp_path / "any.safetensors", b"content")


@pytest.mark.parametrize(("code", "found"), [(errno.ENOSPC, "no space left"), (errno.EIO, "could not be")])
def test_disk_fails_while_a_large_file_is_sent_to_it(
    tmp_path: Path, image: Image, code: int, found: str, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fail_once(_: int) -> None:
        # as the system does, which tells it to whoever asks first
        if not failed.is_set():
            failed.set()
            raise OSError(code, "the disk")

    def write(*arguments: Any) -> None:
        original(*arguments)
        assert failed.wait(10)

    original = save_module._write
    nothing_left()
    monkeypatch.setattr(flushing, "_LARGE", 0)
    monkeypatch.setattr(os, "fsync", fail_once)
    monkeypatch.setattr(save_module, "_write", write)
    refused(UnwritableFileError, image, tmp_path / "out.tif", found)


def test_full_device_while_writing(tmp_path: Path, image: Image, nothing_left: NothingLeft) -> None:
    # What the operating system itself answers, for each library that writes.
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    nothing_left()
    full = Path("/dev/full")
    with pytest.raises(UnwritableFileError, match="no space left"), translated(tmp_path / "out.npy"):
        write_npy(full, image, np.zeros((999, 999)))
    with pytest.raises(UnwritableFileError, match="no space left"), translated(tmp_path / "out.png"):
        write_png(full, image, np.asarray(image.array), "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
@pytest.mark.parametrize("where", ["_write", "flush", "verify", "sidecar_text"])
def test_interrupted(
    tmp_path: Path, image: Image, where: str, error: type[BaseException], nothing_left: NothingLeft,
    provenance: Provenance, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def stop(*_: object) -> None:
        raise error

    nothing_left()
    monkeypatch.setattr(save_module, where, stop)
    with pytest.raises(error):
        save_image(image, tmp_path / "out.tif", provenance=provenance)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_reads_differently(
    tmp_path: Path, image: Image, name: str, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = save_module._write

    def write(part: Path, target: Path, image: Image, pixels: Pixels, note: str) -> None:
        wrong = pixels.copy()
        wrong[3, 3] += 1
        original(part, target, image, wrong, note)

    nothing_left()
    monkeypatch.setattr(save_module, "_write", write)
    refused(UnwritableFileError, image, tmp_path / name, "verification failed: pixels read differently")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"array": np.zeros((9, 8), "uint16")}, "axes read as"),
        ({"array": np.zeros((8, 8), "uint16")}, "shape reads as"),
        ({"array": np.zeros((8, 9), "float32")}, "pixels read as float32"),
        ({"pixel_size_um": {"X": 0.5, "Y": 0.25}}, "pixel size reads as"),
        ({"time_increment": 3.0}, "time increment reads as"),
    ],
    ids=["transposed", "cropped", "type", "scale", "time"],
)
def test_what_was_written_says_otherwise(
    tmp_path: Path, change: dict[str, Any], found: str, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(np.zeros((8, 9), "uint16"), "YX", {"X": 0.25, "Y": 0.25})
    wrong = replace(image, **change)
    original = save_module._write

    def write(part: Path, target: Path, _image: Image, _pixels: Pixels, note: str) -> None:
        original(part, target, wrong, np.asarray(wrong.array), note)

    nothing_left()
    monkeypatch.setattr(save_module, "_write", write)
    refused(UnwritableFileError, image, tmp_path / "out.tif", found)


def test_cut_off_on_the_way_to_the_disk(
    tmp_path: Path, image: Image, nothing_left: NothingLeft, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(part: Path) -> None:
        part.write_bytes(part.read_bytes()[:-20])

    nothing_left()
    monkeypatch.setattr(save_module, "flush", cut)
    refused(UnwritableFileError, image, tmp_path / "out.tif", "cannot be read again")


@pytest.mark.parametrize("name", NAMES)
def test_sidecar(tmp_path: Path, image: Image, name: str, provenance: Provenance) -> None:
    path = save_image(image, tmp_path / name, provenance=provenance)
    assert sidecar_path(path).name == f"{name}.n2d.json"
    said = json.loads(sidecar_path(path).read_text())
    assert list(said)[:4] == ["version", "commit", "input_name", "input_sha256"]
    assert said["plan"]["settings"] == {"steps": 3, "lr": 1e-3}
    assert said["plan"]["value_maps"] == [{"offset": 0.0, "scale": 1.0}]
    assert str(tmp_path) not in sidecar_path(path).read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, f"{name}.n2d.json"])


def test_no_sidecar_without_provenance(tmp_path: Path, image: Image) -> None:
    save_image(image, tmp_path / "out.tif")
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]


def test_write_bytes(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "any.safetensors", b"one")
    with pytest.raises(OutputExistsError, match="already"):
        write_bytes(path, b"two")
    assert write_bytes(path, b"two", overwrite=True).read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UnreadableFileError, match="gone"):
        sha256(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cells.tif", "cells_denoised.tif"),
        ("cells.ome.tif", "cells_denoised.ome.tif"),
        ("cells.OME.TIFF", "cells_denoised.OME.TIFF"),
        ("a.b.tif", "a.b_denoised.tif"),
        ("a.c.tif", "a.c_denoised.tif"),
        ("2020.01.02.png", "2020.01.02_denoised.png"),
        ("stack.lsm", "stack_denoised.ome.tif"),
        ("cells", "cells_denoised.ome.tif"),
        (".hidden.tif", ".hidden_denoised.tif"),
    ],
)
def test_default_output(name: str, expected: str) -> None:
    assert default_output(Path("folder") / name) == Path("folder") / expected


def test_images_of_a_folder(tmp_path: Path, image: Image) -> None:
    for name in ("img10.tif", "img2.tif", "IMG1.png", "b.npy"):
        save_image(image, tmp_path / name)
    for name, content in {
        "notes.txt": b"hello",
        "img2.tif.n2d.json": b"{}",
        ".hidden.tif": b"II*\0",
        "text.tif": b"hello",
        "empty.png": b"",
        "Thumbs.db": b"\xd0\xcf",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "sub").mkdir()
    found = find_images([tmp_path])
    assert [path.name for path in found.images] == ["b.npy", "IMG1.png", "img2.tif", "img10.tif"]
    reasons = {path.name: reason for path, reason in found.skipped}
    assert set(reasons) == {
        "notes.txt",
        "img2.tif.n2d.json",
        ".hidden.tif",
        "text.tif",
        "empty.png",
        "Thumbs.db",
    }
    assert "content" in reasons["text.tif"]
    assert "content" in reasons["empty.png"]
    assert "not named like an image" in reasons["notes.txt"]
    assert find_images([tmp_path / "img10.tif", tmp_path]).images[0].name == "img10.tif"
    assert len(find_images([tmp_path / "img10.tif", tmp_path]).images) == 4
    assert find_images([tmp_path / "notes.txt"]).images == (tmp_path / "notes.txt",), (
        "named by the user: not our choice"
    )
    with pytest.raises(UnreadableFileError, match="gone"):
        find_images([tmp_path / "gone"])


def test_description(tmp_path: Path, noise: Noise) -> None:
    image = Image(noise((2, 3, 8, 9)), "TCYX", {"X": 0.25, "Y": 0.25}, 2.0, ("a", "b", "c"))
    facts = dict(describe(open_image(save_image(image, tmp_path / "out.tif"))))
    assert facts == {
        "format": "ImageJ TIFF",
        "axes": "TCYX",
        "size": "T 2 x C 3 x Y 8 x X 9",
        "pixel type": "uint16",
        "pixels": "864 bytes",
        "pixel size": "X 0.25, Y 0.25 um",
        "time increment": "2 s",
        "channels": "a, b, c",
        "compression": "none",
        "byte order": "little-endian",
    }
    assert dict(describe(Image(noise((8, 9)), "YX")))["pixel size"] == "unknown"


# --- folders that are one image ------------------------------------------------------------------------------------


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "image.store"
    for content in ("old", "new"):
        with part_of(target, folder=True) as part:
            (part / "inner").mkdir()
            (part / "inner" / f"{content}.bin").write_text(content)
            flush(part)
            put(part, target)
        assert [file.name for file in target.rglob("*.bin")] == [f"{content}.bin"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.store"]


def test_a_folder_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def half() -> None:
        with part_of(tmp_path / "image.store", folder=True) as part:
            (part / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert not list(tmp_path.iterdir())
