"""What one look at a folder finds, and what it leaves alone."""

import os
from pathlib import Path

import pytest

from noise2detail.watch.looking import EMPTY, Looker, State, is_temporary, state_of


def put(path: Path, size: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def found(folder: Path, without: str = "out") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Looker(folder, folder / without)().units}


def test_files_at_any_depth_but_not_the_outputs(tmp_path: Path) -> None:
    for name in ("a.tif", "day 1/b.tif", "day 1/cell/c.png", "out/a.tif", "out/deep/b.tif", "notes.txt"):
        put(tmp_path / name)
    assert found(tmp_path) == {"a.tif", "day 1/b.tif", "day 1/cell/c.png", "notes.txt"}


@pytest.mark.parametrize(
    "name",
    [".a.tif", "a.tif.part", "a.part.tif", "a.tif~", "~a.tif", "a.TMP", "a.tif.tmp", "a.filepart", "a.tif.crdownload"],
)
def test_files_that_are_being_written_are_left_alone(name: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    look = Looker(tmp_path, tmp_path / "out")()
    assert not look.units
    assert list(look.temporary.values()) == [state_of(tmp_path / name)]


@pytest.mark.parametrize("name", ["a.tif", "party.tif", "tmp_1.tif", "a.b.tif", "temperature.tif"])
def test_names_that_only_resemble_them(name: str) -> None:
    assert not is_temporary(name)


def test_earlier_results_and_their_records_are_no_inputs(tmp_path: Path) -> None:
    for name in ("a.tif", "a_denoised.tif", "a_denoised.tif.n2d.json", "s.ome.zarr/zarr.json", "s.ome.zarr.n2d.json"):
        put(tmp_path / name)
    assert found(tmp_path) == {"a.tif"}


def test_folders_that_are_one_image(tmp_path: Path) -> None:
    stores = ("a.ome.zarr/c/0/0", "b/zarr.json", "b/0/c/1", "mm/NDTiff.index", "mm/x_NDTiffStack.tif")
    for name in (*stores, "x.oif", "x.oif.files/s.tif"):
        put(tmp_path / name, 10)
    units = Looker(tmp_path, tmp_path / "out")().units
    assert {path.name for path in units} == {"a.ome.zarr", "b", "mm", "x.oif"}
    assert (units[tmp_path / "b"].size, units[tmp_path / "b"].files) == (20, 2)


def test_slices_of_a_folder_are_one_and_change_together(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "scan" / f"{number}.dcm", 100)
    (tmp_path / "scan" / "IM1").write_bytes(bytes(128) + b"DICM" + bytes(8))
    put(tmp_path / "scan" / "view.png")
    looker = Looker(tmp_path, tmp_path / "out")
    units = looker().units
    assert {path.name for path in units} == {"scan", "view.png"}
    assert (units[tmp_path / "scan"].files, units[tmp_path / "scan"].size) == (4, 440)
    put(tmp_path / "scan" / "9.dcm", 1)
    assert looker().units[tmp_path / "scan"].files == 5


def test_a_circle_of_links_has_an_end(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "a.tif")
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "broken.tif").symlink_to(tmp_path / "nothing")
    assert found(tmp_path) == {"deep/a.tif"}


def test_a_folder_that_is_gone_is_an_error_and_one_below_it_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Looker(tmp_path / "share", tmp_path / "out")()
    put(tmp_path / "a.tif")
    (tmp_path / "b").mkdir()
    assert found(tmp_path) == {"a.tif"}
    assert state_of(tmp_path / "nothing") == EMPTY


def test_a_new_name_keeps_the_inode(tmp_path: Path) -> None:
    part = put(tmp_path / "a.tif.part")
    looker = Looker(tmp_path, tmp_path / "out")
    (inode,) = looker().temporary
    part.rename(tmp_path / "a.tif")
    assert looker().inodes == {tmp_path / "a.tif": inode}


def test_time_is_compared_to_the_nanosecond_whatever_it_is(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tif")
    os.utime(path, ns=(0, 5))
    assert state_of(path) == State(4, 5)
    os.utime(path, ns=(0, 4_000_000_000 * 10**9))  # the clock of the share is a century ahead
    assert Looker(tmp_path, tmp_path / "out")().units[path].modified == 4_000_000_000 * 10**9
