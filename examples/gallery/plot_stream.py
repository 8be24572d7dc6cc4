"""
Streams: a model that learns as rows arrive
===========================================

``partial_fit`` takes one epoch of mini-batch steps over what has come, and forgets the rows. All classes must be named
in the first call, since the first rows may not have every one.

The dashed line is a fit that had all rows at once.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.3, stratify=y, random_state=0)

stream = fs.SoftmaxRegression(random_state=0)
seen, accuracies = [], []
for rows in np.array_split(np.arange(len(X_train)), 40):
    stream.partial_fit(X_train[rows], y_train[rows], classes=range(10))
    seen.append(rows[-1] + 1)
    accuracies.append(stream.score(X_test, y_test))
whole = fs.SoftmaxRegression().fit(X_train, y_train).score(X_test, y_test)

figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
axes.plot(seen, accuracies, marker=".", label="partial_fit, after each part of about 31 rows")
axes.axhline(whole, color="C1", linestyle="--", label=f"fit on all rows: {whole:.3f}")
axes.set(xlabel="rows seen", ylabel="accuracy on the test rows", ylim=(0, 1.03))
axes.set_title("One look at each row comes near a whole fit")
axes.legend(loc="lower right")
plt.show()
