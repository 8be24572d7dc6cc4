"""
The path of an L1 penalty
=========================

An L1 penalty makes weights exactly zero. ``path`` fits many penalties in turn, each from where the one before ended,
from the strongest, which leaves nothing, to the weakest. A line is what one feature of the wines weighs, over all three
classes.

Features must have one scale, or the penalty means something else for each: ``standardization`` finds what centres and
scales them, and no scaled copy of X is made.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import fastsoftmax as fs

data = load_wine()
scale, shift = fs.standardization(data.data)
l1s = np.geomspace(0.4, 1e-3, 40)
path = fs.path(data.data, data.target, l1s=l1s, scale=scale, shift=shift)
print(path)
print(f"largest duality gap of all fits: {max(result.duality_gap for result in path):.1e}")

# %%
# ``PathDisplay`` names the features that are strongest in the end.

fs.PathDisplay.from_path(path, feature_names=data.feature_names, n_features=6)
plt.show()
