"""
Choosing C by cross-validation
==============================

``SoftmaxRegressionCV`` fits every fold for every C, and keeps the best. A fold is a set of weights on one X, never a
copy of it, and each fit starts where the one with the stronger penalty ended.

The curve matters more than its top: where it is flat, any C is as good, and a small one is safer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
search = fs.SoftmaxRegressionCV(Cs=np.geomspace(1e-4, 1e2, 13), cv=5, scoring="neg_log_loss", max_iter=1000)
search.fit(X / 16, y)
print(f"C = {search.C_:.3g}; X was read {search.n_passes_} times for {search.n_iter_.size} fits and the last one")

scores = -search.scores_[:, 0, :]  # (n_folds, n_cs)
mean, error = scores.mean(axis=0), scores.std(axis=0) / np.sqrt(len(scores))
figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
axes.loglog(search.Cs_, scores.T, color="0.8", linewidth=1)
axes.errorbar(search.Cs_, mean, error, marker="o", capsize=3, label="mean of five folds, with its standard error")
axes.axvline(search.C_, color="C1", linestyle="--", label=f"best: C = {search.C_:.2g}")
axes.set(xlabel="C: stronger penalty to the left", ylabel="log-loss on held-out samples")
axes.set_title("From C = 1 to 10 it hardly matters")
axes.legend(fontsize=9)
plt.show()
