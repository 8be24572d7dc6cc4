"""How exact products must be at least."""

from enum import IntEnum

from .. import _kernels


class Precision(IntEnum):
    """How exact products must be at least; the numbers are the kernels'."""

    EXACT = _kernels.EXACT
    FAST = _kernels.FAST
    ROUGH = _kernels.ROUGH
