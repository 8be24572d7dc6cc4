"""
Soft labels: the votes of several people
========================================

Where people disagree about a label, the votes say more than the winner. Rows of probabilities are targets, too: pass an
array of shape (n_samples, n_classes) as y.

Five people judge each of our samples. One model learns the majority's label, the other the shares of the votes. Since
the data are generated, the true probabilities are known, and the picture can show who comes nearer to them.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastsoftmax as fs

rng = np.random.default_rng(0)
X = rng.standard_normal((2000, 10))
truth = fs.softmax(X @ rng.standard_normal((10, 3)) * 0.5)
votes = rng.multinomial(5, truth).astype(float)  # (n_samples, 3), each row adds up to five

shares = votes / 5
majority = votes.argmax(axis=1)
train, test = slice(1000), slice(1000, None)

# %%
# The only difference between the two fits is y.

models = {
    "majority's label": fs.SoftmaxRegression().fit(X[train], majority[train]),
    "shares of the votes": fs.SoftmaxRegression().fit(X[train], shares[train]),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained", sharex=True, sharey=True)
for axis, (name, model) in zip(axes, models.items(), strict=True):
    predicted = model.predict_proba(X[test])
    error = np.abs(predicted - truth[test]).mean()
    axis.plot([0, 1], [0, 1], color="0.4", linewidth=1)
    axis.scatter(truth[test][:, 0], predicted[:, 0], s=5, alpha=0.4)
    axis.set(title=f"{name}: mean error {error:.3f}", xlabel="true probability of class 0")
axes[0].set_ylabel("predicted probability of class 0")
figure.suptitle("The winner of a vote sounds surer than the voters were")
plt.show()
