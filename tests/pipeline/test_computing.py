"""A GPU that cannot do its work is one clear error, which names it and says what to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

import noise2detail as n2d
from noise2detail.errors import DeviceError, InputError, UnreadableFileError
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.computing import computing
from tests.material import CPU, noisy_array, quick

NOISY = noisy_array(9, 12)

LACKING = NotImplementedError(
    "The operator 'aten::_fft_r2c' is not currently implemented for the MPS device. If you want this op to be "
    "considered for addition please comment on https://github.com/pytorch/pytorch/issues/141287 and mention use-case, "
    "that resulted in missing op as well as commit hash. As a temporary fix, you can set the environment variable "
    "`PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op."
)
NO_BACKEND = NotImplementedError(
    "Could not run 'aten::_slow_conv2d_forward' with arguments from the 'MPS' backend. This could be because the "
    "operator doesn't exist for this backend, or was omitted during the selective/custom build process."
)
NO_TYPE = RuntimeError("\"upsample_bilinear2d_out_frame\" not implemented for 'BFloat16'")
NO_KERNEL = RuntimeError(
    "CUDA error: no kernel image is available for execution on the device\n"
    "CUDA kernel errors might be asynchronously reported at some other API call\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
OLD_DRIVER = RuntimeError(
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"
)

SAID = [
    pytest.param("mps", LACKING, "has no operator aten::_fft_r2c for it", id="operator"),
    pytest.param("mps:0", NO_BACKEND, "has no operator aten::_slow_conv2d_forward for it", id="backend"),
    pytest.param("mps", NO_TYPE, "has no operator upsample_bilinear2d_out_frame for it", id="pixel-type"),
    pytest.param("cuda", NO_KERNEL, "cannot use it (CUDA error: no kernel image is available", id="no-kernel"),
    pytest.param("cuda:1", OLD_DRIVER, "cannot use it (The NVIDIA driver on your system is too old", id="old-driver"),
    pytest.param("cuda", RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), "CUDNN_STATUS", id="cuDNN"),
    pytest.param("cuda", RuntimeError("CUDA unknown error - this may be due to"), "unknown error", id="unknown"),
    pytest.param("cuda", RuntimeError("CUDA driver initialization failed, you might"), "driver init", id="driver"),
    pytest.param("mps", RuntimeError("MPS: Unsupported Border padding mode"), "Unsupported Border", id="MPS"),
]


@pytest.mark.parametrize(("device", "error", "part"), SAID)
def test_what_a_device_cannot_do(device: str, error: RuntimeError, part: str) -> None:
    with pytest.raises(DeviceError) as caught, computing(device):
        raise error
    said = str(caught.value)
    assert said.startswith(f"the device {device} cannot do this: PyTorch {torch.__version__} ")
    assert part in said
    assert said.endswith("; use the processor, with --device cpu or Run(device='cpu')")
    assert "\n" not in said
    assert caught.value.device == device
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("operation", "name"),
    [(lambda: torch.eye(2).to_sparse().median(), "aten::median"),
     (lambda: torch.histc(torch.zeros(4, dtype=torch.int32)), "histogram_cpu")],
    ids=["backend", "pixel-type"],
)  # fmt: skip
def test_what_pytorch_says_today_is_understood(operation: Callable[[], object], name: str) -> None:
    """The messages above are quotations, which could grow old; these are fresh."""
    with pytest.raises(DeviceError, match=f"has no operator {name} for it"), computing("mps"):
        operation()


@pytest.mark.parametrize(
    ("device", "error"),
    [
        ("cuda", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")),
        ("cuda", RuntimeError("CUDA error: out of memory")),
        ("mps", RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)")),
        ("cuda", RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)")),
        (
            "cuda",
            RuntimeError("Expected all tensors to be on the same device, but found at least two, cuda:0 and cpu!"),
        ),
        ("mps", RuntimeError("clamps of the wrong size")),
        ("cuda", DeviceError("cuda", "CUDA error: it said so before")),
        ("cuda", UnreadableFileError("cuda error.tif", "is torn")),
        ("mps", InputError("no kernel image")),
        ("cpu", NO_TYPE),
        ("cpu", NO_BACKEND),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[:20],
)
def test_other_errors_stay_what_they_are(device: str, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, computing(device):
        raise error
    assert caught.value is error


CALLS: list[Callable[..., object]] = [n2d.denoise, n2d.stages, n2d.fit]


@pytest.mark.parametrize("call", CALLS, ids=[call.__name__ for call in CALLS])
def test_a_method_that_needs_what_the_device_lacks(
    call: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: object, **__: object) -> None:
        raise LACKING

    # the one device besides the processor that every PyTorch has
    monkeypatch.setattr("noise2detail.pipeline.planning.find_device", lambda wish: torch.device("meta"))
    monkeypatch.setattr(Noise2Detail, "fit", fit)
    with pytest.raises(DeviceError, match=r"the device meta cannot do this: .*aten::_fft_r2c.*--device cpu"):
        call(NOISY, method=quick(), run=CPU)


def test_a_denoiser_that_needs_what_the_device_lacks() -> None:
    class Broken:
        halo, alignment = 0, 1

        def __call__(self, noisy: object) -> object:
            raise LACKING

    fitted = n2d.fit(NOISY, method=quick(), run=CPU)
    moved = replace(fitted, denoisers=(Broken(),), plan=replace(fitted.plan, device="meta"))  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="aten::_fft_r2c"):
        n2d.apply(moved, NOISY)
