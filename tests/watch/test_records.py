"""What a watch remembers: across restarts, and after a kill in the middle of a line."""

from pathlib import Path

import numpy as np
import pytest

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.watch.drifting import known_of
from noise2detail.watch.looking import State
from noise2detail.watch.records import NAME, Entry, Records
from tests.watch.material import frames

ONE = Entry("a.ome.tif", "a.nd2", State(5, 7), "denoiser-1.safetensors")


def test_a_second_start_knows_what_the_first_did(tmp_path: Path) -> None:
    first, known = Records(tmp_path, {"seed": 0}, renew=False), known_of([*frames(2)], None)
    first.add(ONE)
    first.add_denoiser("denoiser-1.safetensors", known)
    first.add(Entry("ä.tif", "ä.tif", State(1, 2, 3)))
    again = Records(tmp_path, {"seed": 0}, renew=False)
    assert again.entry("a.ome.tif") == ONE
    assert again.entry("ä.tif") == Entry("ä.tif", "ä.tif", State(1, 2, 3))
    assert again.entry("b.tif") is None
    assert again.denoisers == {"denoiser-1.safetensors": known}


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_line_that_a_kill_cut_off_costs_that_line(cut: int, tmp_path: Path) -> None:
    first = Records(tmp_path, {}, renew=False)
    first.add(ONE)
    first.add(Entry("b.tif", "b.tif", State(1, 2)))
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:-cut])
    again = Records(tmp_path, {}, renew=False)
    again.add(Entry("c.tif", "c.tif", State(3, 4)))
    third = Records(tmp_path, {}, renew=False)
    assert third.entry("a.ome.tif") == ONE
    assert third.entry("c.tif") is not None
    assert (third.entry("b.tif") is None) == (cut > 1)  # of the whole line only the end of it was lost


def test_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    Records(tmp_path, {"seed": 0}, renew=False).add(ONE)
    with pytest.raises(SettingError, match="holds the outputs of a watch with other settings"):
        Records(tmp_path, {"seed": 1}, renew=False)
    assert Records(tmp_path, {"seed": 1}, renew=True).entry("a.ome.tif") is None


def test_the_same_settings_keep_everything_also_when_renewed(tmp_path: Path) -> None:
    Records(tmp_path, {"seed": 0}, renew=False).add(ONE)
    assert Records(tmp_path, {"seed": 0}, renew=True).entry("a.ome.tif") == ONE


@pytest.mark.parametrize("content", ["", "{}", "a list\n", '{"n2d-watch": 99, "settings": "x"}\n'])
def test_another_file_of_that_name_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(UnreadableFileError, match="is no record of a watch"):
        Records(tmp_path, {}, renew=False)


def test_known_frames_survive_as_numbers(tmp_path: Path) -> None:
    known = known_of([np.stack([one, one * 2]) for one in frames(2)], "CYX")
    Records(tmp_path, {}, renew=False).add_denoiser("d", known)
    assert Records(tmp_path, {}, renew=False).denoisers["d"] == known
    assert len(known) == 2
