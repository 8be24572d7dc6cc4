"""
Calibration
===========

Of all days with a forecast of 70 % rain, it should rain on 70 %. A reliability diagram looks at that: predictions are
put into bins, and for each bin the share that came true is drawn over the mean prediction, with a 95 % interval, since
a bin of a few samples says little.

With too weak a penalty for the data a model is too sure: its points are below the line for high predictions. With
too strong a penalty it is too timid.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import binomtest
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

import fastsoftmax as fs

X, y = make_classification(6000, 60, n_informative=6, n_redundant=0, class_sep=0.5, flip_y=0.1, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=200, stratify=y, random_state=0)
edges = np.linspace(0, 1, 9)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained", sharex=True, sharey=True)
for axis, C in zip(axes, (0.005, 0.02, 10), strict=True):
    model = fs.SoftmaxRegression(C=C, max_iter=1000).fit(X_train, y_train)
    predicted = model.predict_proba(X_test)[:, 1]
    axis.plot([0, 1], [0, 1], color="0.4", linewidth=1)
    for low, high in pairwise(edges):
        inside = (predicted >= low) & (predicted < high)
        if inside.sum() >= 10:
            found = binomtest(int(y_test[inside].sum()), int(inside.sum()))
            interval = found.proportion_ci(method="wilson")
            mean, share = predicted[inside].mean(), found.statistic
            axis.errorbar(mean, share, [[share - interval.low], [interval.high - share]], fmt="o", color="C0")
    axis.set(title=f"C = {C:g}", xlabel="mean predicted probability", xlim=(0, 1), ylim=(0, 1), aspect="equal")
axes[0].set_ylabel("share that came true")
figure.suptitle("From too timid to too sure: 200 samples, 60 features")
plt.show()
