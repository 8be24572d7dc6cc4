"""The least precision of products."""

from enum import IntEnum

from .. import _kernels


class Precision(IntEnum):
    """The least precision that products must have; the kernels define the numbers."""

    EXACT = _kernels.EXACT
    FAST = _kernels.FAST
    ROUGH = _kernels.ROUGH
