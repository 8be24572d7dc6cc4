"""
A file as X: memory maps
========================

A ``.npy`` file need not be loaded. ``np.load(..., mmap_mode="r")`` maps it, and a fit reads its pages as it needs them;
the system drops them when memory is wanted elsewhere. Bytes stay bytes: ``scale`` makes pixels between 0 and 1 of them,
in the kernel and not in memory.

The picture compares what lies in memory: the usual way converts to float64 first.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
folder = tempfile.TemporaryDirectory()
file = Path(folder.name, "pixels.npy")
images = np.kron(X.reshape(-1, 8, 8), np.ones((2, 2))).reshape(-1, 256)  # each pixel four times
np.save(file, np.tile(images.astype(np.uint8), (100, 1)))
y = np.tile(y, 100)

pixels = np.load(file, mmap_mode="r")
tracemalloc.start()
result = fs.fit(pixels, y, scale=1 / 16, l2=1e-3)
_, extra = tracemalloc.get_traced_memory()
tracemalloc.stop()
print(result.status, "after", result.n_passes, "passes over", pixels.shape, pixels.dtype)

# %%
# A fit makes vectors as large as the parameters and the labels, and a sample of rows. It makes no second X.

sizes = {
    "the file": pixels.nbytes,
    "what a fit from the file\nallocates beside it": extra,
    "X as float32": 4 * pixels.size,
    "X as float64": 8 * pixels.size,
}
figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
bars = axes.barh(list(sizes), [size / 1e6 for size in sizes.values()], color=["C0", "C0", "0.75", "0.75"])
axes.bar_label(bars, fmt="%.0f MB", padding=3)
axes.set(xlabel="MB", xlim=(0, 430), title="179,700 images of 256 pixels")
axes.invert_yaxis()
plt.show()
pixels._mmap.close()
folder.cleanup()
