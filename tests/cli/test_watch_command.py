"""The command ``n2d watch`` on real files; where time would pass, the settling time is none."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from noise2detail.cli import watch_work
from noise2detail.errors import UnwritableFileError
from noise2detail.io import open_image
from tests.cli.running import QUICK, left, n2d, records, write
from tests.io.test_dicom_series import series
from tests.io.test_ndtiff import acquisition
from tests.watch.material import frame

ONCE = (*QUICK, "--once", "--settle", "0")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def watch(place: Path, *more: str | Path) -> Result:
    return n2d("watch", place, "-o", place / "out", *ONCE, *more)


def test_files_are_denoised_by_one_denoiser_into_a_folder_within(place: Path) -> None:
    for number, name in enumerate(("a.tif", "b.tif", "deep/c.npy")):
        (place / name).parent.mkdir(exist_ok=True)
        write(place / name, frame(number))
    result = watch(place, "--json")
    assert result.exit_code == 0, result.output
    assert [Path(one["output"]).relative_to(place / "out").as_posix() for one in records(result)] == [
        "a.tif", "b.tif", "deep/c.npy",
    ]  # fmt: skip
    assert {one["denoiser"] for one in records(result)} == {"denoiser-1.safetensors"}
    made = n2d("apply", place / "out" / "denoiser-1.safetensors", place / "b.tif", "-o", place.parent / "b.tif")
    assert made.exit_code == 0, made.output
    np.testing.assert_array_equal(open_image(place / "out" / "b.tif").array, open_image(place.parent / "b.tif").array)
    assert "the denoiser is that of denoiser-1" in (place / "out" / "b.tif.n2d.json").read_text()


def test_a_second_start_does_only_what_is_missing(place: Path) -> None:
    write(place / "a.tif", frame(0))
    assert watch(place).exit_code == 0
    before = (place / "out" / "a.tif").stat().st_mtime_ns
    write(place / "b.tif", frame(1))
    result = watch(place, "--json")
    assert [Path(one["input"]).name for one in records(result)] == ["b.tif"]
    assert "1 done, 1 done before, 0 failed" in result.stderr
    assert (place / "out" / "a.tif").stat().st_mtime_ns == before
    assert left(place / "out").count("denoiser-2.safetensors") == 0


def test_a_lost_record_is_made_good_by_what_lies_beside_the_outputs(place: Path) -> None:
    write(place / "a.tif", frame(0))
    watch(place, "--fit-on", "each")
    (place / "out" / ".n2d-watch.jsonl").unlink()
    result = watch(place, "--fit-on", "each")
    assert result.exit_code == 0, result.output
    assert "0 done, 1 done before" in result.stderr


def test_a_changed_file_is_told_and_done_again_only_when_asked(place: Path) -> None:
    write(place / "a.tif", frame(0))
    watch(place)
    (place / "a.tif").unlink()
    write(place / "a.tif", frame(5, shape=(24, 40)))
    result = watch(place)
    assert "was changed after it was denoised; --overwrite denoises it again" in result.stderr
    assert open_image(place / "out" / "a.tif").array.shape == (24, 32)
    assert watch(place, "--overwrite").exit_code == 0
    assert open_image(place / "out" / "a.tif").array.shape == (24, 40)


def test_an_output_of_somebody_else_is_never_replaced(place: Path) -> None:
    write(place / "a.tif", frame(0))
    (place / "out").mkdir()
    write(place / "out" / "a.tif", frame(9))
    result = watch(place)
    assert result.exit_code == 1
    assert "is there already, and was not made from this file" in result.stderr
    np.testing.assert_array_equal(open_image(place / "out" / "a.tif").array, frame(9))


def test_other_settings_are_refused_until_everything_may_be_done_again(place: Path) -> None:
    write(place / "a.tif", frame(0))
    watch(place)
    result = watch(place, "--seed", "5")
    assert result.exit_code == 2
    assert "holds the outputs of a watch with other settings" in result.stderr
    assert watch(place, "--seed", "5", "--overwrite").exit_code == 0


def test_errors_foreign_and_incomplete_files_leave_the_others_alone(place: Path) -> None:
    write(place / "good.tif", frame(0))
    np.save(place / "mask.npy", np.zeros((24, 24), bool))
    (place / "notes.txt").write_text("nothing")
    (place / "more.txt").write_text("nothing")
    whole = write(place / "half.tif", frame(1)).read_bytes()
    (place / "half.tif").write_bytes(whole[: len(whole) // 2])
    result = watch(place, "--fit-on", "each")
    assert result.exit_code == 3
    assert "1 done, 1 failed, 1 left (half.tif)" in result.stderr
    assert result.stderr.count("ignored ") == 1  # the second for the same reason is for the curious
    assert "error: " in result.stderr
    assert "mask.npy" in result.stderr
    assert f"warning: {place / 'half.tif'} was not denoised" in result.stderr
    assert "Traceback" not in result.stderr
    assert left(place / "out") == [".n2d-watch.jsonl", "good.tif", "good.tif.n2d.json"]


def test_an_ome_tiff_waits_for_its_planes_and_its_xml(place: Path) -> None:
    pixels = np.stack([frame(number) for number in range(4)])
    tifffile.imwrite(place / "whole.ome.tif", pixels, metadata={"axes": "TYX"})
    plain: dict[str, Any] = {"metadata": None, "photometric": "minisblack", "ome": False}
    tifffile.imwrite(place / "early.ome.tif", pixels, **plain)  # as before the writer has come to its end
    with tifffile.TiffFile(place / "whole.ome.tif") as tif:
        text = tif.ome_metadata
    assert text is not None
    said = text.replace('SizeT="4"', 'SizeT="9"').replace('PlaneCount="4"', 'PlaneCount="9"')
    tifffile.imwrite(place / "growing.ome.tif", pixels, description=said.encode(), **plain)
    result = watch(place)
    assert result.exit_code == 3
    assert "whole.ome.tif" in left(place / "out")
    assert "early.ome.tif was not denoised: it is named like an OME-TIFF, and has no OME-XML yet" in result.stderr
    assert "growing.ome.tif was not denoised: " in result.stderr
    assert not {"early.ome.tif", "growing.ome.tif"} & set(left(place / "out"))


def test_a_data_set_of_micro_manager_becomes_an_ome_tiff(place: Path) -> None:
    given = acquisition(place / "acq")
    acquisition(place / "early", times=2)
    result = watch(place)
    assert result.exit_code == 3
    assert "early was not denoised: it has 8 of the 12 frames that were intended" in result.stderr
    image = open_image(place / "out" / "acq.ome.tif")
    assert (image.axes, image.array.shape) == ("TCZYX", (3, 2, 2, 12, 16))
    assert len(given) == 12
    assert image.channel_names == ("GFP", "DAPI")
    assert image.pixel_size_um["X"] == pytest.approx(0.1)


def test_positions_become_files_of_their_own_and_stores_are_written(place: Path) -> None:
    with tifffile.TiffWriter(place / "two.ome.tif") as writer:
        for number in range(2):
            writer.write(frame(number), metadata={"axes": "YX"})
    result = watch(place, "--to", ".ome.zarr")
    assert result.exit_code == 0, result.output
    assert {"two.Image0.ome.zarr", "two.Image1.ome.zarr"} < set(left(place / "out"))


def test_a_file_that_drifted_away_is_learnt_from_and_the_way_back_is_known(place: Path) -> None:
    for name, light in (("a", 300), ("b", 9000), ("c", 300)):
        write(place / f"{name}.tif", frame(ord(name), light=light, shape=(96, 96)))
    result = watch(place, "--json")
    assert [one["denoiser"] for one in records(result)] == [f"denoiser-{number}.safetensors" for number in (1, 2, 1)]
    assert "denoiser-2.safetensors was learnt from b.tif, because" in result.stderr
    assert "back to denoiser-1.safetensors" in result.stderr


def test_a_given_denoiser_is_kept_whatever_comes(place: Path) -> None:
    control = write(place.parent / "control.tif", frame(0, shape=(96, 96)))
    model = place.parent / "model.safetensors"
    assert n2d("fit", control, "-o", model, *QUICK).exit_code == 0
    for name, light in (("a", 300), ("b", 9000)):
        write(place / f"{name}.tif", frame(ord(name), light=light, shape=(96, 96)))
    result = watch(place, "--denoiser", model, "--json")
    assert result.exit_code == 0, result.output
    assert {one["denoiser"] for one in records(result)} == {"model.safetensors"}
    assert "b.tif has drifted away from what model.safetensors learnt from" in result.stderr


def test_a_full_disk_is_waited_for_and_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, needed: int) -> None:
        raise UnwritableFileError(path, "needs up to 1 kB, and 0 bytes are free on the disk", "free some space")

    write(place / "a.tif", frame(0))
    monkeypatch.setattr(watch_work, "refuse_space", full)
    result = watch(place)
    assert result.exit_code == 1
    assert "waiting for " in result.stderr
    assert "0 bytes are free on the disk" in result.stderr
    assert left(place / "out") == [".n2d-watch.jsonl"]
    monkeypatch.undo()


def test_a_folder_that_disappears_is_told_and_ends_the_watch(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place / "a.tif", frame(0))
    out = place.parent / "out"
    work = watch_work.Worker.__call__

    def vanish(self: Any, path: Path) -> Any:
        did = work(self, path)
        shutil.rmtree(place)
        return did

    monkeypatch.setattr(watch_work.Worker, "__call__", vanish)
    result = n2d("watch", place, "-o", out, *QUICK, "--settle", "0", "--interval", "0.05", "--wait-for-folder", "0")
    assert result.exit_code == 3
    assert "the watched folder cannot be listed" in result.stderr
    assert "did not come back within 0 s" in result.stderr
    assert "a.tif" in left(out)


def test_ctrl_c_ends_after_the_file_in_flight(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.tif", "b.tif"):
        write(place / name, frame(0))
    work = watch_work.Worker.__call__

    def interrupted(self: Any, path: Path) -> Any:
        os.kill(os.getpid(), signal.SIGTERM if path.name == "a.tif" else signal.SIGINT)
        return work(self, path)

    monkeypatch.setattr(watch_work.Worker, "__call__", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    result = n2d("watch", place, "-o", place / "out", *QUICK, "--settle", "0", "--interval", "0.05")
    assert result.exit_code == 0
    assert "ending after the file in flight" in result.stderr
    assert "1 done" in result.stderr
    assert "b.tif" not in left(place / "out")
    assert signal.getsignal(signal.SIGINT) is handler


def test_asking_twice_leaves_the_file_undone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place / "a.tif", frame(0))

    def interrupted(self: Any, path: Path) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second must not come back")

    monkeypatch.setattr(watch_work.Worker, "__call__", interrupted)
    result = n2d("watch", place, "-o", place / "out", *QUICK, "--settle", "0", "--interval", "0.05")
    assert result.exit_code == 130
    assert left(place / "out") == [".n2d-watch.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["in", "-o", "in"], 2, "is the watched folder or holds it"),
        (["in", "-o", "."], 2, "is the watched folder or holds it"),
        (["nothing", "-o", "out"], 1, "there is no such folder"),
        (["in/a.tif", "-o", "out"], 1, "is a file; expected a folder"),
        (["in", "-o", "in/a.tif/out"], 1, "the folder cannot be created"),
        (["in", "-o", "out", "--fit-on", "all"], 2, "--fit-on is 'all'; expected first or each"),
        (["in", "-o", "out", "--on-drift", "cry"], 2, "--on-drift is 'cry'; expected refit or keep"),
        (["in", "-o", "out", "--denoiser", "no.safetensors"], 1, "there is no such file"),
        (["in", "-o", "out", "--denoiser", "x", "--fit-on", "each"], 2, "exclude each other"),
        (["in", "-o", "out", "--interval", "0"], 2, "interval is 0"),
        (["in", "-o", "out", "--to", ".jpg"], 2, "no format that can be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_begun(
    arguments: list[str], code: int, said: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.parent)
    write(place / "a.tif", frame(0))
    result = n2d("watch", *arguments, "--once", "--settle", "0")
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_record_says_what_was_asked_for(place: Path) -> None:
    write(place / "a.tif", frame(0))
    watch(place, "--seed", "3")
    head = json.loads((place / "out" / ".n2d-watch.jsonl").read_text().splitlines()[0])
    assert head["said"]["learnt"]["seed"] == 3


def test_slices_of_a_scan_are_one_volume_with_the_name_of_their_folder_if_they_are_alone(place: Path) -> None:
    pixels = series(place / "scan", count=3)[1]
    series(place / "mixed", count=3)
    write(place / "mixed" / "view.tif", frame(0))
    result = watch(place, "--json", "--fit-on", "each")
    assert result.exit_code == 0, result.output
    made = {Path(one["output"]).relative_to(place / "out").as_posix(): one["shape"] for one in records(result)}
    assert made.pop("scan") == [*pixels.shape]
    assert made.pop("mixed/view.tif") == [24, 32]
    ((name, shape),) = made.items()
    assert name.startswith("mixed/")
    assert shape == [*pixels.shape]
