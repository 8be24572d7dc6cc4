"""
Which solver, as a picture
==========================

All solvers minimise the same loss. They differ in how often they read the data. A pass over X is what costs time, so
the picture counts passes.

Gradient descent is the textbook's. Acceleration helps it, plain L-BFGS learns the curvature on its way, and
``solver="auto"`` begins with the curvature of a sample of rows.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
X = X / 16
best = fs.fit(X, y, l2=1e-3, tol=1e-10).loss

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for solver in ("gd", "agd", "lbfgs", "auto"):
    result = fs.fit(X, y, solver=solver, l2=1e-3, tol=1e-8, max_iter=1000)
    above = result.history["loss"] / best - 1
    shown = above > 1e-9
    axes.loglog(result.history["n_passes"][shown], above[shown], label=solver)
    print(f"{solver}: {result.status} after {result.n_passes} passes")

axes.set(xlabel="passes over X", ylabel="loss above its minimum, relative", ylim=(1e-9, 10))
axes.set_title("The same minimum, by way of more or fewer passes")
axes.legend()
plt.show()
