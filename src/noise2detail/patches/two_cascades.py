"""Both cascades of BM3D in a row: what the first one finds guides the second."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search


@dataclass(frozen=True)
class TwoCascades:
    """Hard threshold, then a Wiener filter; the defaults are those that measure best.

    Source
    ------
    Dabov, Foi, Katkovnik & Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE
    TIP 2007.
    """

    first: Cascade = field(default_factory=lambda: Cascade(Search(), "bior1.5", 2.65, overlap=True))
    """With a hard threshold."""
    second: Cascade = field(default_factory=lambda: Cascade(Search(count=32, limit=0.8)))
    """With a Wiener filter."""

    def run(
        self, noisy: Tensor, autocovariances: Tensor, tick: Callable[[], None] = lambda: None
    ) -> tuple[Tensor, Tensor]:
        """Results of both for one image ``(channel, y, x)``; parameters as for ``Cascade.run``."""
        mean = noisy.mean((1, 2), keepdim=True)
        pilot = self.first.run(noisy - mean, None, autocovariances, tick)
        return pilot + mean, self.second.run(noisy - mean, pilot, autocovariances, tick) + mean

    def pieces(self, y: int, x: int) -> int:
        """How often ``tick`` is called for an image of this size."""
        return self.first.pieces(y, x) + self.second.pieces(y, x)
