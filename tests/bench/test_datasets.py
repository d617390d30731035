from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.bench.datasets import LAYOUTS, find_pairs, load_pairs
from noise2detail.bench.fmd import CONFIGURATIONS, Fmd, grey
from noise2detail.bench.pair import Pair
from noise2detail.errors import InputError, SettingError, UnreadableFileError
from noise2detail.types import Pixels
from tests.bench.trees import (
    GAUSSIAN,
    SIDE,
    dicom,
    mrc,
    nifti,
    noisy,
    picture,
    png,
    release,
    tif,
    tree_biosr,
    tree_clean,
    tree_dicom,
    tree_fmd,
    tree_noise2fast,
    tree_pairs,
    tree_sample,
    tree_task09,
    volume,
)

TREES = [
    pytest.param(tree_fmd, 4, {"Confocal_FISH", "WideField_BPAE_R"}, 255.0, id="fmd"),
    pytest.param(tree_sample, 2, {"Confocal_FISH"}, 255.0, id="fmd-sample"),
    pytest.param(tree_task09, 2, {"spleen_2"}, 1.0, id="task09"),
    pytest.param(tree_dicom, 3, {"series"}, 1.0, id="dicom"),
    pytest.param(tree_biosr, 2, {"CCPs"}, None, id="biosr"),
    pytest.param(tree_pairs, 2, {"mine"}, 255.0, id="pairs"),
    pytest.param(tree_clean, 2, {"Set12"}, 1.0, id="clean"),
    pytest.param(tree_noise2fast, 2, {"Set12"}, 255.0, id="noise2fast"),
]

Tree = Callable[[Path], Mapping[str, Any]]


@pytest.mark.parametrize(("tree", "count", "subsets", "span"), TREES)
def test_every_layout_gives_its_pairs(
    tree: Tree, count: int, subsets: set[str], span: float | None, tmp_path: Path
) -> None:
    spec = tree(tmp_path)
    pairs = list(load_pairs(spec, tmp_path))
    assert len(pairs) == count
    assert len({pair.name for pair in pairs}) == count
    assert {pair.subset for pair in pairs} == subsets
    for pair in pairs:
        assert pair.noisy.shape == pair.reference.shape == (SIDE, SIDE)
        assert pair.span == (span or pytest.approx(float(np.ptp(pair.reference))))
        error = float(np.std(pair.noisy.astype(float) - pair.reference))
        assert 0 < error < 0.25 * pair.span
    again = list(load_pairs(spec, tmp_path))
    assert all(np.array_equal(one.noisy, other.noisy) for one, other in zip(pairs, again, strict=True))
    (cut,) = load_pairs({**spec, "only": pairs[1].name, "crop": [2, 3, 8, 9], "name": "x"}, tmp_path)
    assert np.array_equal(cut.noisy, pairs[1].noisy[2:10, 3:12])
    assert np.array_equal(cut.reference, pairs[1].reference[2:10, 3:12])
    assert [pair.name for pair in load_pairs({**spec, "count": 1}, tmp_path)] == [
        next(pair.name for pair in pairs if pair.subset == subset)
        for subset in dict.fromkeys(pair.subset for pair in pairs)
    ]


@pytest.mark.parametrize(("tree", "count", "subsets", "span"), TREES)
def test_every_layout_says_what_it_expects(
    tree: Tree, count: int, subsets: set[str], span: float | None, tmp_path: Path
) -> None:
    spec = dict(tree(tmp_path / "somewhere"))
    with pytest.raises(UnreadableFileError, match=r"no such folder; the layout .* expects there") as caught:
        find_pairs(spec, tmp_path)
    assert LAYOUTS[spec["layout"]].EXPECTED in str(caught.value)
    (tmp_path / spec["path"]).mkdir()
    with pytest.raises(UnreadableFileError):
        find_pairs(spec, tmp_path)
    with pytest.raises(SettingError, match="no key 'cuont'; did you mean 'co"):
        find_pairs({**spec, "cuont": 1}, tmp_path)


def one(spec: Mapping[str, Any], root: Path) -> Pair:
    return next(load_pairs(spec, root))


def test_nothing_is_read_before_its_turn(tmp_path: Path) -> None:
    spec = tree_sample(tmp_path)
    (tmp_path / "some" / "raw" / "Confocal_FISH_2.png").write_bytes(b"damaged")
    pairs = load_pairs(spec, tmp_path)
    assert next(pairs).name == "Confocal_FISH_1"
    with pytest.raises(UnreadableFileError, match=r"Confocal_FISH_2\.png"):
        next(pairs)


# FMD


def test_fmd_holds_its_twelve_configurations_and_every_average(tmp_path: Path) -> None:
    assert len(CONFIGURATIONS) == 12
    for place, name in enumerate(CONFIGURATIONS):
        png(tmp_path / name / "gt" / "19" / "avg50.png", picture(place))
        for level in ("raw", "avg2", "avg4", "avg8", "avg16"):
            png(tmp_path / name / level / "19" / "x.png", noisy(picture(place), len(level)))
    for average in (1, 2, 4, 8, 16):
        pairs = list(load_pairs({"layout": "fmd", "path": ".", "subset": "all", "average": average}, tmp_path))
        assert [pair.subset for pair in pairs] == list(CONFIGURATIONS)


def test_fmd_takes_the_field_and_average_that_are_asked_for(tmp_path: Path) -> None:
    release(tmp_path)
    spec = {"layout": "fmd", "path": ".", "subset": ["WideField_BPAE_R", "Confocal_FISH"], "average": 4, "field": 1}
    pairs = list(load_pairs(spec, tmp_path))
    assert [pair.name for pair in pairs] == [
        f"{name}_1_HV110_P000{capture}" for name in ("WideField_BPAE_R", "Confocal_FISH") for capture in (0, 1)
    ]
    assert np.array_equal(pairs[0].reference, picture(11))
    assert np.array_equal(
        one({"layout": "fmd", "path": ".", "subset": "Confocal_FISH"}, tmp_path).reference, picture(19)
    )


def test_fmd_refuses_what_the_release_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="average is 3; expected one of 1, 2, 4, 8, 16"):
        find_pairs({"layout": "fmd", "path": ".", "average": 3}, tmp_path)
    with pytest.raises(SettingError, match="did you mean 'Confocal_MICE'"):
        Fmd(subset="Confocal_Mice")
    release(tmp_path)
    (tmp_path / "test_mix" / "gt" / "Confocal_FISH_1.png").unlink()
    with pytest.raises(UnreadableFileError, match=r"Confocal_FISH_1\.png has no reference"):
        one({"layout": "fmd", "path": "."}, tmp_path)


def test_colour_copies_of_grey_images_become_grey() -> None:
    image = picture()
    assert np.array_equal(grey(np.repeat(image[..., None], 3, axis=2)), image)
    red = np.stack([image, 0 * image, 0 * image], axis=2)
    assert np.array_equal(grey(red), (0.2989 * image.astype(np.float32)).astype(np.uint8))


# CT


def test_a_slice_is_scaled_by_itself_or_by_its_volume(tmp_path: Path) -> None:
    nifti(tmp_path / "one.nii", volume() - 500)
    spec = {"layout": "ct", "path": "one.nii", "noise": GAUSSIAN}
    by_slice, by_volume = (list(load_pairs({**spec, "scale": scale}, tmp_path)) for scale in ("slice", "volume"))
    assert [(pair.reference.min(), pair.reference.max()) for pair in by_slice] == [(0, 1)] * 3
    assert [round(float(pair.reference.max()), 3) for pair in by_volume] == [0.333, 0.667, 1]
    assert np.allclose(by_slice[1].reference, picture(1) / 255, atol=1e-6)


def test_dicom_and_nifti_of_the_same_volume_are_the_same_pairs(tmp_path: Path) -> None:
    nifti(tmp_path / "body.nii", volume())
    dicom(tmp_path / "body", volume() + 1024)
    spec = {"layout": "ct", "noise": GAUSSIAN}
    for first, second in zip(
        load_pairs({**spec, "path": "body.nii"}, tmp_path), load_pairs({**spec, "path": "body"}, tmp_path), strict=True
    ):
        assert first.name == second.name
        assert np.allclose(first.reference, second.reference, atol=1e-6)
        assert np.allclose(first.noisy, second.noisy, atol=1e-6)


def test_the_volume_is_chosen_by_place_name_or_number_of_slices(tmp_path: Path) -> None:
    spec = tree_task09(tmp_path)
    assert one(spec, tmp_path).name == "spleen_2_000"
    for choice in ({"volume": 1}, {"volume": "spleen_3"}, {"planes": 3}):
        names = [pair.name for pair in load_pairs({**spec, **choice, "slices": [2, 0]}, tmp_path)]
        assert names == ["spleen_3_002", "spleen_3_000"]
    with pytest.raises(SettingError, match=r"no volume 0 of 33 slices; its volumes are: spleen_2, spleen_3"):
        find_pairs({**spec, "planes": 33}, tmp_path)
    with pytest.raises(SettingError, match="slices has 2; spleen_2 has slices 0 to 1"):
        find_pairs({**spec, "slices": [2]}, tmp_path)


def test_ct_needs_its_noise(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="layout 'ct' lacks noise"):
        find_pairs({"layout": "ct", "path": "."}, tmp_path)


# BioSR


def test_biosr_is_the_mean_of_the_frames_and_its_reference_the_brightest_stack(tmp_path: Path) -> None:
    spec = tree_biosr(tmp_path)
    pair = one({**spec, "level": 2}, tmp_path)
    assert pair.name == "CCPs_Cell_001_level_02"
    assert np.allclose(pair.noisy, picture().astype(float) * 4 + 28)
    # the exposure of the reference is three times as long; gain and offset are taken out
    assert np.allclose(pair.reference, pair.noisy, atol=1e-2)
    (tmp_path / "BioSR" / "CCPs" / "Cell_001" / "RawSIMData_gt.mrc").unlink()
    assert one(spec, tmp_path).name == "CCPs_Cell_001_level_01"
    with pytest.raises(UnreadableFileError, match="nothing above level 2"):
        one({**spec, "level": 2}, tmp_path)
    with pytest.raises(UnreadableFileError, match="no level 3; found: 1, 2"):
        one({**spec, "level": 3}, tmp_path)


def test_biosr_of_the_endoplasmic_reticulum_lies_a_folder_deeper(tmp_path: Path) -> None:
    frames = np.stack([picture().astype(np.uint16)] * 9)
    cell = tmp_path / "ER" / "Cell_001"
    mrc(cell / "RawSIMData" / "RawSIMData_level_03.mrc", frames)
    mrc(cell / "RawGTSIMData" / "RawGTSIMData_level_03.mrc", frames * 2)
    tree_biosr(tmp_path)
    pair = one({"layout": "biosr", "path": ".", "subset": "ER", "level": 3}, tmp_path)
    assert pair.subset == "ER"
    assert np.allclose(pair.reference, pair.noisy, atol=1e-2)
    with pytest.raises(SettingError, match="no structure 'MTs'; found: ER"):
        find_pairs({"layout": "biosr", "path": ".", "subset": "MTs"}, tmp_path)


# folders


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (picture(side=SIDE + 1), r"shape \(16, 16\), its reference \(17, 17\)"),
        (
            picture() / np.float32(255),
            r"values of 0 to 255 and 0 to 1, and a step of 1 in the reference is one of 2\d\d",
        ),
        (picture().astype(np.uint16) * 257, "expected the same range"),
        (picture().astype(np.float32) + 300, "expected the same range"),
        (np.random.default_rng(0).permutation(picture().ravel()).reshape(SIDE, SIDE), "show the same scene"),
        (np.full((SIDE, SIDE), 7.5, np.float32), "reference is flat"),
        (np.where(picture() > 3, picture(), np.nan).astype(np.float32), "NaN"),
    ],
    ids=["shape", "unit", "16-bit", "offset", "other scene", "flat", "nan"],
)
def test_a_reference_that_does_not_fit_is_refused(reference: Pixels, message: str, tmp_path: Path) -> None:
    png(tmp_path / "noisy" / "a.png", noisy(picture()))
    tif(tmp_path / "reference" / "a.tif", reference)
    with pytest.raises(InputError, match=message):
        one({"layout": "pairs", "path": "."}, tmp_path)


def test_pairs_of_other_ranges_have_their_own_span(tmp_path: Path) -> None:
    deep = picture().astype(np.uint16) * 10 + 100
    tif(tmp_path / "noisy" / "a.tif", deep)
    tif(tmp_path / "gt" / "a.tif", deep)
    assert one({"layout": "pairs", "path": "."}, tmp_path).span == 2550
    assert one({"layout": "pairs", "path": ".", "span": 4095}, tmp_path).span == 4095


def test_pairs_without_partners_stacks_and_colours_are_refused(tmp_path: Path) -> None:
    spec = tree_pairs(tmp_path)
    png(tmp_path / "mine" / "noisy" / "c.png", picture())
    with pytest.raises(UnreadableFileError, match=r"c\.png: has no partner"):
        find_pairs(spec, tmp_path)
    tif(tmp_path / "mine" / "clean" / "c.tif", np.stack([picture()] * 5))
    with pytest.raises(UnreadableFileError, match="stack"):
        one({**spec, "only": "c"}, tmp_path)
    png(tmp_path / "mine" / "noisy" / "c.tif", picture())
    with pytest.raises(InputError, match="same name"):
        find_pairs(spec, tmp_path)
    (tmp_path / "mine" / "noisy" / "c.tif").unlink()
    tif(tmp_path / "mine" / "clean" / "c.tif", picture())
    png(tmp_path / "mine" / "noisy" / "c.png", np.stack([picture(), picture(1), picture(2)], axis=2))
    with pytest.raises(UnreadableFileError, match="colour"):
        one({**spec, "only": "c"}, tmp_path)


def test_noise2fast_takes_noisy_images_where_there_are_some(tmp_path: Path) -> None:
    spec = tree_noise2fast(tmp_path)
    made = one(spec, tmp_path)
    assert made.noise == "gaussian 25"
    assert float(np.std(made.noisy - made.reference.astype(float))) == pytest.approx(25, rel=0.15)
    assert made.noisy.min() < 0  # as its script leaves it
    home = tmp_path / "n2f" / "Noise2Fast-8b24469"
    tif(home / "Set12_gaussian25" / "02.tif", picture() + 3.5)
    (pair,) = load_pairs(spec, tmp_path)
    assert (pair.name, pair.noise, pair.noisy[0, 0]) == ("02", "", picture()[0, 0] + 3.5)
    assert one({**spec, "sigma": 50}, tmp_path).noise == "gaussian 50"
    with pytest.raises(UnreadableFileError, match="Set12_other"):
        find_pairs({**spec, "noisy": "Set12_other"}, tmp_path)


# what all have in common


def test_count_is_spread_over_each_subset(tmp_path: Path) -> None:
    nifti(tmp_path / "one.nii", volume(9))
    spec = {"layout": "ct", "path": "one.nii", "noise": GAUSSIAN}
    assert [entry.name[-1] for entry in find_pairs({**spec, "count": 3}, tmp_path)] == ["0", "4", "8"]
    assert len(find_pairs({**spec, "count": 100}, tmp_path)) == 9


def test_only_takes_several_and_refuses_what_nothing_has(tmp_path: Path) -> None:
    release(tmp_path)
    spec = {"layout": "fmd", "path": "."}
    names = [entry.name for entry in find_pairs({**spec, "only": ["FISH_2", "WideField"]}, tmp_path)]
    assert names == ["Confocal_FISH_2", "WideField_BPAE_R_1", "WideField_BPAE_R_2"]
    with pytest.raises(
        SettingError, match="only is 'MICE', which no image has in its name; images are: Confocal_FISH_1"
    ):
        find_pairs({**spec, "only": ["FISH", "MICE"]}, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "fmd-samples"}, "no layout 'fmd-samples'; did you mean 'fmd-sample'"),
        ({"crop": [0, 0, 8]}, "expected a list of 4 times a whole number"),
        ({"crop": [0, 0, 0, 8]}, "expected top, left, height and width"),
        ({"count": 0}, "expected at least 1"),
        ({"only": 3}, "expected a text or a list of a text"),
    ],
    ids=str,
)
def test_common_keys_are_checked(change: Mapping[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message):
        find_pairs({**tree_sample(tmp_path), **change}, tmp_path)


def test_a_part_outside_the_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="expected a part of Confocal_FISH/Confocal_FISH_1, which has 16x16 pixels"):
        one({**tree_sample(tmp_path), "crop": [10, 0, 8, 8]}, tmp_path)


def test_a_table_without_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="data lacks path"):
        find_pairs({"layout": "fmd"}, tmp_path)
