"""
Calibration
===========

Of all days with a forecast of 70 % rain, it should rain on 70 %. A reliability diagram looks at that: predictions are
put into bins, and for each bin the share that came true is drawn over the mean prediction. ``ReliabilityDisplay`` adds
95 % intervals, and merges bins of few samples.

With too weak a penalty for the data a model is too sure: its points are below the line for high predictions. With
too strong a penalty it is too timid.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

import fastsoftmax as fs

X, y = make_classification(6000, 60, n_informative=6, n_redundant=0, class_sep=0.5, flip_y=0.1, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=200, stratify=y, random_state=0)

axes = None
for C in (0.005, 0.02, 10):
    model = fs.SoftmaxRegression(C=C, max_iter=1000).fit(X_train, y_train)
    display = fs.ReliabilityDisplay.from_estimator(model, X_test, y_test, class_label=1, name=f"C = {C:g}", ax=axes)
    axes = display.ax_
axes.set_title("From too timid to too sure: 200 samples, 60 features", loc="left")
plt.show()
