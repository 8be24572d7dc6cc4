"""
The path of an L1 penalty
=========================

An L1 penalty makes weights exactly zero. ``path`` fits many penalties in turn, each from where the one before ended,
from the strongest, which leaves nothing, to the weakest. The picture is for the first of three wines; a line is the
weight of one feature.

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

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
weights = path.W[:, 0]
axes.semilogx(path.l1s, weights)
axes.invert_xaxis()
for feature in np.flatnonzero(np.abs(weights[-1]) > 0.1):
    axes.annotate(
        data.feature_names[feature], (path.l1s[-1], weights[-1, feature]), (4, -3), textcoords="offset points"
    )
axes.set(xlabel="l1, the weight of the penalty: weaker to the right", ylabel="weight of a feature for class 0")
axes.set_title("Features enter one after the other as the penalty gets weaker")
axes.margins(x=0)
plt.show()
