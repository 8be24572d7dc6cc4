"""Names for the types of arrays, of any number of dimensions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating[Any]]  # float32 or float64
IndexArray = NDArray[np.intp]
