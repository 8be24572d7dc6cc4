"""Data larger than memory: rows that are read a chunk at a time, from arrays, files or whatever can be read once.

What these functions return is `fastsoftmax.Chunks`: pass it as X, without a y, to `fit`, `path`, `standardization` or
`SoftmaxRegression.fit`.
"""

from .arrays import from_arrays
from .arrow import from_arrow_dataset
from .cache import from_iterable
from .npy import from_npy
from .parquet import from_parquet
from .svmlight import from_svmlight

__all__ = ["from_arrays", "from_arrow_dataset", "from_iterable", "from_npy", "from_parquet", "from_svmlight"]
