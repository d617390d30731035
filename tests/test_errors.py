"""What cannot be done is refused, with what was found, what was expected and what to do."""

import inspect
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noise2detail as n2d
from noise2detail import errors
from noise2detail.errors import AxesError, FileError, InputError, PixelTypeError, SettingError
from noise2detail.pipeline.run import Run
from tests.material import CPU, noisy_array, quick

GOOD = noisy_array(9, 12)
STACK = noisy_array(2, 9, 12)
CALLS: list[Callable[..., object]] = [n2d.denoise, n2d.plan, n2d.stages, n2d.fit]
CALLED = pytest.mark.parametrize("call", CALLS, ids=[call.__name__ for call in CALLS])


def filled(value: Any, dtype: Any = np.float32) -> Any:
    return np.full((9, 12), value, dtype)


IMAGES = [
    pytest.param(np.zeros((0, 9)), InputError, ["empty", "(0, 9)", "8x8"], id="empty"),
    pytest.param(np.zeros((0,)), InputError, ["empty", "(0,)"], id="empty-1d"),
    pytest.param(np.zeros((1, 1)), InputError, ["1x1", "8x8"], id="one-pixel"),
    pytest.param(np.float32(3), AxesError, ["0 dimensions"], id="scalar"),
    pytest.param(np.zeros(64), AxesError, ["1 dimensions", "(64,)"], id="1d"),
    pytest.param(noisy_array(7, 30), InputError, ["7x30", "8x8", "order of the axes"], id="7-rows"),
    pytest.param(noisy_array(30, 7), InputError, ["30x7", "8x8"], id="7-columns"),
    pytest.param(filled(3.5), InputError, ["constant", "3.5"], id="constant"),
    pytest.param(filled(7, np.uint16), InputError, ["constant", "7"], id="constant-uint16"),
    pytest.param(filled(np.nan), InputError, ["finite", "NaN"], id="all-nan"),
    pytest.param(filled(-np.inf), InputError, ["finite", "infinite"], id="all-infinite"),
    pytest.param(np.where(np.eye(9, 12), 2.0, np.nan), InputError, ["constant", "2.0"], id="constant-and-nan"),
    pytest.param(GOOD.astype(complex), PixelTypeError, ["complex128", "abs(array)"], id="complex"),
    pytest.param(GOOD > 0.5, PixelTypeError, ["bool", "mask"], id="bool"),
    pytest.param(GOOD.astype(object), PixelTypeError, ["object", "float32"], id="object"),
    pytest.param(GOOD.astype(str), PixelTypeError, ["<U", "expected integers or floats"], id="text"),
    pytest.param(GOOD.astype("M8[s]"), PixelTypeError, ["datetime64"], id="dates"),
    pytest.param(GOOD.astype(np.longdouble), PixelTypeError, ["64 bits"], id="long-double"),
]

AXES = [
    pytest.param(GOOD, "QX", ["'QX'", "Q", "TCZYXS"], id="unknown-letter"),
    pytest.param(GOOD, "yx", ["'yx'", "TCZYXS"], id="small-letters"),
    pytest.param(GOOD, "YY", ["'YY'", "twice"], id="repeated"),
    pytest.param(GOOD, "ZX", ["'ZX'", "lack Y or X"], id="no-Y"),
    pytest.param(GOOD, "ZYX", ["'ZYX'", "3 dimensions", "has 2", "(9, 12)", "likely: YX"], id="too-many"),
    pytest.param(STACK, "YX", ["'YX'", "2 dimensions", "has 3", "ZYX"], id="too-few"),
    pytest.param(STACK, None, ["3 dimensions", "(2, 9, 12)", "axes", "'ZYX'", "'TYX'", "'CYX'"], id="3d-without"),
    pytest.param(noisy_array(9, 12, 3), None, ["3 dimensions", "'YXS'", "'ZYX'"], id="rgb-without"),
    pytest.param(noisy_array(2, 2, 9, 12), None, ["4 dimensions", "'TZYX'", "'ZCYX'"], id="4d-without"),
    pytest.param(noisy_array(1, 2, 2, 9, 12), None, ["5 dimensions", "'TZCYX'"], id="5d-without"),
    pytest.param(noisy_array(1, 1, 1, 1, 1, 9, 12), None, ["7 dimensions", "T C Z Y X S"], id="7d-without"),
]

SETTINGS: list[Any] = [
    pytest.param({"method": "noise2detial"}, ["'noise2detial'", "did you mean 'noise2detail'", "zs_n2n"], id="method"),
    pytest.param({"method": "ZS-N2N"}, ["'ZS-N2N'", "did you mean 'zs_n2n'"], id="method-in-capitals"),
    pytest.param({"method": "xyzzy"}, ["'xyzzy'", "methods are: auto"], id="method-like-no-other"),
    pytest.param({"recipe": "bets"}, ["'bets'", "did you mean 'best'", "fast"], id="recipe"),
    pytest.param({"method": "noise2detail", "recipe": "demo"}, ["'demo'", "fast, best, paper"], id="recipe-of-another"),
    pytest.param({"method": quick(), "recipe": "papre"}, ["'papre'", "did you mean 'paper'"], id="recipe-of-object"),
    pytest.param({"run": Run(device="tpu", precision="float32")}, ["'tpu'", "auto", "cpu"], id="device"),
    pytest.param({"run": Run(device="cuda:99", precision="float32")}, ["'cuda:99'", "cpu"], id="device-number"),
    pytest.param(
        {"run": Run(precision="float32", max_memory=10**6)}, ["1000000", "expected at least", "MB"], id="memory"
    ),
]


@CALLED
@pytest.mark.parametrize(("image", "error", "parts"), IMAGES)
def test_an_image_that_cannot_be_denoised(
    call: Callable[..., object], image: Any, error: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(error) as caught:
        call(image, run=CPU)
    says(caught.value, parts)


@CALLED
@pytest.mark.parametrize(("image", "axes", "parts"), AXES)
def test_axes_that_do_not_fit(call: Callable[..., object], image: Any, axes: str | None, parts: list[str]) -> None:
    with pytest.raises(AxesError) as caught:
        call(image, axes=axes, run=CPU)
    says(caught.value, parts)


@CALLED
@pytest.mark.parametrize(("wish", "parts"), SETTINGS)
def test_a_wish_that_cannot_be_met(call: Callable[..., object], wish: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        call(GOOD, **{"run": CPU} | wish)
    says(caught.value, parts)


@pytest.mark.parametrize("name", ["precision", "fit", "channels", "target"])
def test_an_unknown_word_in_run(name: str) -> None:
    wish: dict[str, Any] = {name: "often"}
    with pytest.raises(SettingError, match=rf"{name} is 'often'; expected one of .*, "):
        replace(CPU, **wish)


def test_an_image_record_checks_its_axes() -> None:
    with pytest.raises(AxesError, match="'YX' name 2 dimensions, the array has 3"):
        n2d.Image(STACK, "YX")


@pytest.mark.parametrize("call", [n2d.fit, n2d.denoise])
def test_a_series_of_empty_planes_teaches_nothing(call: Callable[..., object]) -> None:
    stack = np.stack([filled(1), filled(2), filled(np.nan)])
    with pytest.raises(InputError, match="every plane of the image is constant"):
        call(stack, axes="ZYX", method=quick(), run=Run(device="cpu", precision="float32", fit="shared"))


def says(error: Exception, parts: list[str]) -> None:
    missing = [part for part in parts if part not in str(error)]
    assert not missing, f"{error} does not say {missing}"


# --- the tree ------------------------------------------------------------------------------------------------------

TREE = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]


def test_every_error_is_drawn_and_has_one_root() -> None:
    assert len(TREE) == 21
    assert errors.__doc__ is not None
    for error in TREE:
        assert issubclass(error, errors.Noise2DetailError)
        assert error.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InputError, ValueError),
        (PixelTypeError, TypeError),
        (SettingError, ValueError),
        (FileError, OSError),
        (errors.DeviceError, RuntimeError),
        (errors.NotEnoughMemoryError, MemoryError),
    ],
)
def test_every_error_is_a_builtin_too(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)


@pytest.mark.parametrize("error", [error for error in TREE if issubclass(error, FileError)])
def test_errors_about_files_hold_their_fields_and_can_be_pickled(error: type[FileError]) -> None:
    made = pickle.loads(pickle.dumps(error("a/b.tif", "it is torn", "mend it")))
    assert type(made) is error
    assert (made.path, made.found, made.remedy) == (Path("a/b.tif"), "it is torn", "mend it")
    assert str(made) == "a/b.tif: it is torn; mend it"
    assert str(error("b.tif", "it is torn")) == "b.tif: it is torn"


def test_an_error_about_a_device_holds_its_fields_and_can_be_pickled() -> None:
    made = pickle.loads(pickle.dumps(errors.DeviceError("mps", "it lacks aten::erfinv")))
    assert (made.device, made.found) == ("mps", "it lacks aten::erfinv")
    assert str(made) == (
        "the device mps cannot do this: it lacks aten::erfinv; use the processor, with --device cpu or "
        "Run(device='cpu')"
    )


def test_a_refusal_holds_its_reasons_and_can_be_pickled() -> None:
    made = pickle.loads(pickle.dumps(errors.RefusedError(("it is a mask", "it is dull"))))
    assert made.reasons == ("it is a mask", "it is dull")
    says(made, ["denoising would do harm: it is a mask; it is dull; ", "--anyway", "Run(anyway=True)"])


def test_an_error_about_memory_holds_its_fields_and_can_be_pickled() -> None:
    made = pickle.loads(pickle.dumps(errors.NotEnoughMemoryError("CUDA out of memory", 64)))
    assert (made.found, made.tile) == ("CUDA out of memory", 64)
    assert str(made) == (
        "not enough memory (CUDA out of memory): even for tiles of 64x64 pixels, so a smaller limit of memory will not "
        "help; close other programs, choose another device, or denoise a smaller part of the image"
    )
    assert "this denoiser needs the image whole" in str(errors.NotEnoughMemoryError("no more", None))
