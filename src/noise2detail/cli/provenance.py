"""Where a result comes from: version, commit and libraries."""

from noise2detail.cli.inputs import absolute
from noise2detail.host.versions import commit, libraries
from noise2detail.io.source import Source, digest
from noise2detail.plans import Plan, Provenance
from noise2detail.version import __version__


def provenance(plan: Plan, source: Source, seconds_denoise: float) -> Provenance:
    """What was done to a file.

    Parameters
    ----------
    plan
        What was decided.
    source
        The input.
    seconds_denoise
        Without start-up, reading and writing.
    image
        Which one of the input, where that was said.
    """
    return Provenance(
        plan=plan,
        seconds_denoise=round(seconds_denoise, 3),
        version=__version__,
        commit=commit(),
        libraries=libraries(),
        input_name=absolute(source.path).name,
        input_sha256=digest(source),
        input_image=source.image,
    )
