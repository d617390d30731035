"""The gallery and the method in pictures say what was measured, and show what may be shown; nothing is denoised."""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import typer

from noise2detail.cli.main import app
from noise2detail.report.verdict import LEVELS

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
EXPLANATION = ROOT / "docs" / "explanation"
METHOD = ROOT / "docs" / "images" / "method"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Modules of the scripts that make the pages, by name."""
    monkeypatch.setattr(sys, "path", [str(GALLERY), *sys.path])
    return importlib.import_module


def figures(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_pages_hold_the_figures(script: Any) -> None:
    made = script("gallery_pages").pages(script("case_table").read(), figures(GALLERY / "figures.json"))
    assert {path.name for path in GALLERY.glob("*.md")} == set(made), "run python docs/gallery/make.py --pages"
    for name, text in made.items():
        assert (GALLERY / name).read_text(encoding="utf-8") == text, "run python docs/gallery/make.py --pages"
        assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_method_page_holds_the_figures(script: Any) -> None:
    made = script("method_text").page(figures(GALLERY / "method.json"))
    page = EXPLANATION / "method-in-pictures.md"
    assert page.read_text(encoding="utf-8") == made, "run python docs/gallery/method_in_pictures.py"


def test_every_case_was_run_as_it_is_shown(script: Any) -> None:
    found = figures(GALLERY / "figures.json")
    cases = script("case_table").read().cases
    assert list(found) == [case.id for case in cases]
    for case in cases:
        runs = found[case.id]["runs"]
        assert {name: run["command"] for name, run in runs.items()} == {wish.name: wish.command for wish in case.runs}
        for run in runs.values():
            asked = "--report" in run["command"]
            assert run["refused"] or run["verdict"] in LEVELS.values() or not asked
            assert bool(run["refused"]) != bool(run["seconds"])
    assert sum(bool(case.failure and case.views) for case in cases) >= 5


def test_commands_are_known(script: Any) -> None:
    command: Any = typer.main.get_command(app)
    known = {name for parameter in command.commands["denoise"].params for name in parameter.opts}
    for case in script("case_table").read().cases:
        for wish in case.runs:
            program, name, file, *options = wish.command.split()
            assert (program, name, file) == ("n2d", "denoise", case.file)
            assert {word for word in options if word.startswith("-")} <= known


def test_pictures_are_those_of_the_cases_and_small(script: Any) -> None:
    shown = {
        case.picture(number): view
        for case in script("case_table").read().cases
        for number, view in enumerate(case.views)
    }
    pictures = {path.name: path for path in (GALLERY / "pictures").iterdir()}
    assert set(pictures) == {*shown, "cover.webp"}
    for name, view in shown.items():
        rows = -(-len(view.panels) // view.per_row)
        columns = min(view.per_row, len(view.panels))
        with PIL.Image.open(pictures[name]) as picture:
            assert picture.width >= columns * view.crop[3] * view.zoom
            assert picture.height >= rows * view.crop[2] * view.zoom
        assert len(view.alt) > 30
    sizes = [path.stat().st_size for path in [*pictures.values(), *METHOD.iterdir()]]
    assert max(sizes) <= 160_000
    assert sum(sizes) <= 3_500_000


def test_images_that_must_not_be_shown_are_not(script: Any, tmp_path: Path) -> None:
    table = script("case_table")
    text = table.TABLE.read_text(encoding="utf-8")
    shown = tmp_path / "cases.toml"
    shown.write_text(
        text.replace(
            'id = "fish"', 'id = "fish"\nviews = [{panels = ["noisy"], crop = [0, 0, 8, 8], grey = [0, 1], alt = ""}]'
        ),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match="fish: its image must not be shown"):
        table.read(shown)


def test_nothing_of_a_machine_s_folders_gets_into_the_figures() -> None:
    for path in (GALLERY / "figures.json", GALLERY / "method.json"):
        assert not re.search(r"(/tmp|/home|/root|/work|[A-Z]:\\)", path.read_text(encoding="utf-8"))


def test_all_panels_have_one_grey_scale(script: Any) -> None:
    panels = script("panels")
    ramp = np.array([[0.0, 50.0, 100.0, 300.0]])
    sheet = panels.draw([panels.Panel("image", ramp), panels.Panel("change", ramp - 50, middle=0.0)], 0.0, 100.0, 3, 2)
    pixels = np.asarray(sheet).astype(int)[panels.LABEL :]
    assert pixels.shape == (3, 2 * 12 + panels.GAP)
    image, change = pixels[1, 1:12:3], pixels[1, 12 + panels.GAP + 1 :: 3]
    # 64 levels of grey, so that half a level is 2 of 255, and half a value as much
    np.testing.assert_allclose(image, [0, 127.5, 255, 255], atol=2.6)
    np.testing.assert_array_equal(change, image)  # zero is middle grey, and the contrast is the same


def test_made_scenes_have_the_noise_that_is_said(script: Any) -> None:
    scenes = script("made_scenes").SCENES
    counts, truth = scenes["few_photons"]()
    assert truth.max() == pytest.approx(2.0)
    assert np.mean((counts - truth) ** 2) == pytest.approx(truth.mean(), rel=0.05)  # Poisson: variance is the mean
    noisy, truth = scenes["wide_field"]()
    noise = noisy - truth
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] == pytest.approx(0.64, abs=0.03)
