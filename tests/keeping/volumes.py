"""NIfTI, MRC, NPY and NPZ; the libraries alone are nibabel, mrcfile and numpy."""

import gzip
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import numpy as np

from tests.io.test_mrc_write import volume
from tests.io.test_nifti_write import header_of, rescaled, scan
from tests.keeping.tiffs import noise
from tests.keeping.trial import Facts, Trial, denoised

mrc: Any = mrcfile
nib: Any = nibabel


def make_nifti(path: Path) -> None:
    scan(path, noise((9, 8, 3, 2), "int16"), order=">")
    rescaled(path, 0.25, -7.5, ">")


def nifti_again(source: Path, target: Path) -> None:
    """The lines of every tutorial."""
    image = nib.load(source)
    nib.save(nib.Nifti1Image(denoised(image.get_fdata()), image.affine), target)


def nifti_facts(path: Path) -> Facts:
    image = nib.load(path)
    header, raw = image.header, header_of(path)
    return {
        "affine (place, direction, voxel size)": image.affine,
        "sform and qform codes": [raw["sform_code"], raw["qform_code"]],
        "qform": header.get_qform() if raw["qform_code"] else None,
        "units (xyzt_units)": header.get_xyzt_units(),
        "time between volumes (pixdim[4])": raw["pixdim"][4],
        "start of the time (toffset)": raw["toffset"],
        "pixel type in the file": header.get_data_dtype().name,
        "scl_slope and scl_inter": raw["scale"],
        "range of display (cal_min, cal_max)": [raw["cal_min"], raw["cal_max"]],
        "descrip and aux_file": [raw["descrip"], raw["aux_file"]],
        "intent": header.get_intent(),
        "directions of the scan (dim_info)": header.get_dim_info(),
        "header extensions": [one.get_content() for one in header.extensions] or None,
        "byte order": image.header.endianness,
    }


def make_mrc(path: Path) -> None:
    volume(path, noise((3, 9, 8), "int16"))


def mrc_again(source: Path, target: Path) -> None:
    """The shortest way."""
    mrc.write(target, denoised(mrc.read(source)))


def mrc_facts(path: Path) -> Facts:
    with mrc.open(path, permissive=True) as file:
        header, extended = file.header, file.extended_header.tobytes()
        return {
            "mode (pixel type)": int(header.mode),
            "voxel size": file.voxel_size.tolist(),
            "origin": header.origin.tolist(),
            "nxstart, nystart, nzstart": [int(header[name]) for name in ("nxstart", "nystart", "nzstart")],
            "angles of the cell": header.cellb.tolist(),
            "extended header and its type": [extended, bytes(header.exttyp)] if extended else None,
            "labels": [one.tobytes().rstrip(b"\0 ") for one in header.label[: int(header.nlabl)]],
        }


def make_npy(path: Path) -> None:
    np.save(path, np.asfortranarray(noise((3, 9, 8), "int16").astype(">i2")))


def npy_facts(path: Path) -> Facts:
    array = np.load(path)
    return {
        "shape": array.shape,
        "pixel type": array.dtype.name,
        "byte order": array.dtype.str[0],
        "order in the file (columns first)": array.flags.f_contiguous or None,
    }


def npz_again(source: Path, target: Path) -> None:
    """The shortest way."""
    with np.load(source) as arrays:
        np.savez(target, denoised(arrays[arrays.files[0]]))


def npz_facts(path: Path) -> Facts:
    with np.load(path) as arrays:
        (name,) = arrays.files
        return {"name of the array": name, "shape": arrays[name].shape, "pixel type": arrays[name].dtype.name}


def compressed(path: Path) -> None:
    """A header with everything, compressed."""
    plain = path.with_suffix("")
    make_nifti(plain)
    path.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()


TRIALS = (
    Trial(
        "NIfTI", "a.nii.gz", "b.nii.gz",
        "nibabel: `save(Nifti1Image(denoised(image.get_fdata()), image.affine), result)`",
        "nibabel", compressed, nifti_again, nifti_facts,
    ),
    Trial(
        "MRC", "a.mrc", "b.mrc", "mrcfile: `write(result, denoised(read(source)))`",
        "mrcfile", make_mrc, mrc_again, mrc_facts,
    ),
    Trial(
        "NPY", "a.npy", "b.npy", "numpy: `save(result, denoised(load(source)))`",
        "numpy", make_npy, lambda source, target: np.save(target, denoised(np.load(source))), npy_facts, axes="ZYX",
    ),
    Trial(
        "NPZ", "a.npz", "b.npz", "numpy: `savez(result, denoised(load(source)[name]))`",
        "numpy", lambda path: np.savez_compressed(path, cells=noise((9, 8))), npz_again, npz_facts,
    ),
)  # fmt: skip
