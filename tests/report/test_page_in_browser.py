"""The trust page in a real browser: what people see and do, and that nothing leaves the page."""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.report.render import render
from tests.report.windows import CHROMIUM, HOSTILE, NARROW, QUIET, WIDE, Window, pages, spots

pytestmark = pytest.mark.skipif(
    not os.access(CHROMIUM, os.X_OK) or shutil.which("chromium") is None,
    reason=f"needs a browser at {CHROMIUM}: apt-get install chromium",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    for name, page in pages().items():
        (place / f"{name}.html").write_bytes(render(page))
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield made
        made.close()


@pytest.fixture(scope="module")
def only_window(browser: Any, folder: Path) -> Iterator[Window]:
    made = Window(browser, folder)
    yield made
    made.context.close()


@pytest.fixture
def window(only_window: Window) -> Iterator[Window]:
    only_window.said.clear()
    only_window.asked.clear()
    yield only_window
    assert only_window.said == []
    # the page itself, from disk, and nothing else
    assert [url for url in only_window.asked if not url.startswith("file://")] == []
    assert len(only_window.asked) == 1


def test_the_divider_moves_and_changes_pixels(window: Window) -> None:
    page = window.open("steps")
    window.contrast(0, 65535)
    right = window.at(2, 40)
    page.locator("#swipe").fill("1000")
    window.settle()
    left = window.at(2, 40)
    assert (left[0], right[0]) == pytest.approx(((2 * 64 + 40) * 16 / 257, (61 * 64 + 40) * 16 / 257), abs=1)
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 20, steps=3)
    page.mouse.up()
    window.settle()
    assert window.at(2, 40) == right
    assert page.locator("#swipe").input_value() == str(round(1000 * 30 / box["width"]))


def test_zoom_and_pan_are_the_same_on_both_sides(window: Window) -> None:
    page = window.open("steps")
    window.contrast(0, 65535)
    page.locator("#beside").check()
    window.settle()
    before = window.view()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    for _ in range(4):
        page.mouse.wheel(0, -400)
    window.settle()
    assert window.view()["scale"] > 3 * before["scale"]
    # the place below the mouse stays: in the middle of its half
    assert (window.view()["x"], window.view()["y"]) == pytest.approx((before["x"], before["y"]), abs=0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25 + 60, box["y"] + box["height"] * 0.5 + 90, steps=2)
    page.mouse.up()
    window.settle()
    moved = window.view()
    assert moved["y"] == pytest.approx(before["y"] - 90 / moved["scale"], abs=0.2)
    # the second picture is the first upside down: values of one row add up to a constant in both halves
    for share in (0.3, 0.5, 0.7):
        left, right = window.pixel(0.25, share)[0], window.pixel(0.75, share)[0]
        row = int(moved["y"] + (share - 0.5) * box["height"] / moved["scale"])
        assert left == pytest.approx((row * 64 + moved["x"]) * 16 / 257, abs=5)
        assert right == pytest.approx(((63 - row) * 64 + moved["x"]) * 16 / 257, abs=5)


def test_two_fingers_zoom(window: Window) -> None:
    page = window.open("steps")
    before = window.view()
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = window.context.new_cdp_session(page)

    def touch(kind: str, apart: float) -> None:
        points = [{"x": x + 30 + side * apart, "y": y + 90, "id": number} for number, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})

    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 120), ("touchEnd", 0)):
        touch(kind, apart)
    window.settle()
    assert window.view()["scale"] == pytest.approx(3 * before["scale"], rel=0.02)


def test_contrast_tells_apart_two_of_65536_levels(window: Window) -> None:
    window.open("fine")
    assert window.at(4, 1) == window.at(4, 6)
    window.contrast(32768, 32769)
    assert window.at(4, 1) == (0, 0, 0)
    assert window.at(4, 6) == (255, 255, 255)


def test_gamma_and_automatic_contrast(window: Window) -> None:
    page = window.open("steps")
    window.contrast(0, 65535)
    plain = window.at(40, 10)[0]
    page.fill("#gamma", "2")
    page.locator("#gamma").blur()
    window.settle()
    assert window.at(40, 10)[0] == pytest.approx(255 * (plain / 255) ** 0.5, abs=3)
    page.click("#auto")
    window.settle()
    assert float(page.locator("#low").input_value()) == pytest.approx(0.001 * 65520, abs=20)
    assert float(page.locator("#high").input_value()) == pytest.approx(0.999 * 65520, abs=20)


def test_values_below_the_cursor_are_those_of_the_file(window: Window) -> None:
    page = window.open("full")
    noisy, clean = spots()
    page.focus("#canvas")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    window.settle()
    said = page.locator("#readout").text_content()
    assert "x 35, y 23 (8.75, 11.50 µm)" in said
    assert f"noisy: {noisy[23, 35]} counts" in said
    assert f"mean: {clean[23, 35]} counts" in said
    assert f"difference: {int(noisy[23, 35]) - int(clean[23, 35])} counts" in said


def test_a_profile_is_drawn_and_typed(window: Window) -> None:
    page = window.open("full")
    noisy, clean = spots()
    for name, value in zip(("x1", "y1", "x2", "y2"), (4, 10, 60, 10), strict=True):
        page.fill(f"#{name}", str(value))
    page.keyboard.press("Tab")
    window.settle()
    rows = page.eval_on_selector_all(
        "#profile-table tbody tr", "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )
    numbers = np.array(rows, float)
    np.testing.assert_allclose(numbers[:, 0], 0.25 * np.arange(57), rtol=1e-4)
    np.testing.assert_allclose(numbers[:, 1:], np.stack([noisy[10, 4:61], clean[10, 4:61]], 1), atol=0.1)
    assert "µm" in page.locator("#profile-chart").text_content()
    page.click("#clear-line")
    assert page.locator("#profile").is_hidden()
    page.click("#draw-line")
    page.locator("#canvas").evaluate("canvas => canvas.scrollIntoView()")
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 - 50, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 50, box["y"] + 100, steps=3)
    page.mouse.up()
    view = window.view()
    length = float(page.locator("#x2").input_value()) - float(page.locator("#x1").input_value())
    assert length == pytest.approx(100 / view["scale"], abs=0.15)
    assert page.locator("#profile-chart path.line").count() == 2


def test_overlays_lie_over_the_image(window: Window) -> None:
    page = window.open("full")
    grey = window.at(20, 20)
    assert len(set(grey)) == 1
    names = page.eval_on_selector_all("#overlay option", "all => all.map(one => one.textContent)")
    assert names == ["none", "residual", "cells.tif", "left"]
    for number in (1, 2, 3):
        page.select_option("#overlay", index=number)
        page.locator("#opacity").fill("100")
        page.wait_for_selector("#colour-bar:not([hidden])")
        window.settle()
        ends = [page.locator(f"#ramp-{end}").text_content() for end in ("low", "high")]
        assert float(ends[0]) < float(ends[1])
    page.select_option("#overlay", index=2)
    window.settle()
    assert len(set(window.at(20, 20))) > 1
    page.locator("#opacity").fill("0")
    window.settle()
    assert window.at(20, 20) == grey


def test_any_two_pictures_are_compared(window: Window) -> None:
    page = window.open("full")
    window.contrast(0, 65535)
    before = window.at(5, 60)
    page.select_option("#right", label="median")
    window.settle()
    assert before != (0, 0, 0)
    assert window.at(5, 10)[0] > 100
    page.click("#swap")
    window.settle()
    assert page.locator("#left").input_value() == "2"
    assert window.at(5, 10) == (0, 0, 0)


def test_a_stack_has_a_slider_for_each_axis(window: Window) -> None:
    page = window.open("stack")
    window.contrast(0, 6000)
    assert window.at(10, 5)[0] == pytest.approx(255 * 4 / 6, abs=1)  # time 2, z 2
    page.locator("#stack-0").fill("0")
    page.locator("#stack-1").fill("2")
    window.settle()
    assert window.at(10, 5)[0] == pytest.approx(255 * 2 / 6, abs=1)
    assert page.locator("#stack").text_content() == "time1 of 2 (0.00 s)z3 of 3 (4.0 µm)"
    page.focus("#canvas")
    page.keyboard.press("PageDown")
    window.settle()
    assert window.at(10, 5)[0] == pytest.approx(255 * 3 / 6, abs=1)


def test_everything_is_done_without_a_mouse(window: Window) -> None:
    page = window.open("full")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id"))
    wanted = "theme left swap right canvas swipe zoom-in fit beside low-slide low gamma auto overlay opacity draw-line"
    for name in f"{wanted} x1 y2 command copy".split():
        assert name in reached
    page.focus("#canvas")
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    first = window.view()
    for key in ("+", "+", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    window.settle()
    assert window.view()["scale"] == pytest.approx(first["scale"] * 1.25**2)
    assert window.view()["x"] > first["x"]
    assert window.view()["y"] > first["y"]
    page.keyboard.press("0")
    for key in (".", ".", "x", "o", "s", "c", "b", "l", "Escape"):
        page.keyboard.press(key)
    window.settle()
    assert window.view()["x"] == first["x"]
    assert page.locator("#swipe").input_value() == "540"
    assert [page.locator(f"#{side}").input_value() for side in ("left", "right")] == ["1", "1"]
    assert page.locator("#beside").is_checked()


def test_gaps_are_hatched_and_read_as_no_value(window: Window) -> None:
    page = window.open("gaps")
    assert window.at(8, 12) in {(80, 86, 92), (109, 116, 123)}
    page.focus("#canvas")
    for key, times in (("ArrowUp", 5), ("ArrowLeft", 3)):
        for _ in range(times):
            page.keyboard.press(f"Shift+{key}")
    window.settle()
    assert "no value" in page.locator("#readout").text_content()


def test_constant_images_and_pages_without_images(window: Window) -> None:
    page = window.open("flat")
    page.select_option("#overlay", index=1)
    window.settle()
    assert len(set(window.at(4, 2))) == 1
    window.asked.clear()
    page = window.open("bare")
    assert page.locator("h1").text_content() == "bare"


def test_colours_and_their_channels(window: Window) -> None:
    page = window.open("colour")
    window.contrast(0, 255)
    assert window.at(12, 4) == (255, 128, 0)
    page.select_option("#channel", label="green")
    window.settle()
    window.contrast(0, 255)
    assert window.at(12, 4) == (128, 128, 128)


def test_hostile_names_are_text(window: Window) -> None:
    page = window.open("hostile")
    assert page.locator(".whole p").text_content() == HOSTILE
    assert (
        page.evaluate(
            "() => [...document.scripts].filter((one) => !one.type && one.textContent.includes('alert')).length"
        )
        == 0
    )
    names = page.eval_on_selector_all("#overlay option", "all => all.map(one => one.textContent)")
    assert any(name.startswith("<script>") for name in names)
    for key in ("o", "o", "o", "b", "b"):
        page.locator("#canvas").press(key)
    window.settle()
    # a long name neither widens the page nor buries what is below it
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


def test_no_serious_fault_of_accessibility(browser: Any, folder: Path) -> None:
    import axe_playwright_python

    rules = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    window = Window(browser, folder, bypass_csp=True)
    try:
        page = window.open("full")
        page.select_option("#overlay", index=2)
        for name in ("x1", "y1", "x2", "y2"):
            page.fill(f"#{name}", "5" if name.endswith("1") else "9")
        page.keyboard.press("Tab")
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.evaluate(rules)
        for scheme, size in itertools.product(("light", "dark"), (WIDE, NARROW)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            window.settle()
            found = page.evaluate("async () => (await axe.run({ resultTypes: ['violations'] })).violations")
            grave = [
                (scheme, size, one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"])
                for one in found
                if one["impact"] in {"serious", "critical"}
            ]
            assert grave == []
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        window.context.close()


def test_the_policy_stops_foreign_scripts(browser: Any, folder: Path) -> None:
    window = Window(browser, folder)
    try:
        page = window.open("full")
        page.evaluate(
            """() => { const one = document.createElement("script"); one.textContent = "window.mischief = 1";
            document.head.append(one);
            document.body.setAttribute("onclick", "window.mischief = 2"); document.body.click();
            new Image().src = "https://example.org/x.png"; }"""
        )
        assert page.evaluate("() => window.mischief") is None
        assert any("Content Security Policy" in said for said in window.said)
    finally:
        window.context.close()


def test_the_colours_are_switched(window: Window) -> None:
    page = window.open("full")
    seen = []
    for _ in range(3):
        page.click("#theme")
        seen.append(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    light, dark, system = seen
    assert light == system != dark
