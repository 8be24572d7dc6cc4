"""
Label smoothing
===============

Label smoothing moves a share ε of each target to all classes alike: q = (1 − ε) y + ε/K. It needs no option of the
classifier, since rows of probabilities are targets.

A tenth of our training labels are wrong, which makes a model too sure. Smoothing helps much where the penalty is weak,
and hardly where it is not: both do the same work.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, train_size=450, stratify=y, random_state=0)

rng = np.random.default_rng(0)
noisy = np.where(rng.random(len(y_train)) < 0.1, rng.integers(0, 10, len(y_train)), y_train)
hard = np.eye(10)[noisy]

# %%
# Two strengths of the penalty, and many ε.

epsilons = np.linspace(0, 0.4, 9)
figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for C in (1000, 10):
    losses = []
    for epsilon in epsilons:
        smooth = (1 - epsilon) * hard + epsilon / 10
        model = fs.SoftmaxRegression(C=C, max_iter=1000).fit(X_train, smooth)
        losses.append(log_loss(y_test, model.predict_proba(X_test)))
    print(f"C = {C}: {losses[0]:.2f} without smoothing, {min(losses):.2f} at best")
    axes.plot(epsilons, losses, marker="o", label=f"C = {C}, a {'weak' if C > 10 else 'stronger'} penalty")

axes.set(xlabel="ε, the share that is spread over all classes", ylabel="log-loss on clean test labels")
axes.set(ylim=(0, None), title="Smoothing helps where the penalty is too weak")
axes.legend()
plt.show()
