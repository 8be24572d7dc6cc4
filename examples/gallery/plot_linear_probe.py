"""
A linear probe
==============

What does a layer of a network know? Fit a softmax regression to its outputs, and look at the accuracy: a linear probe.

The network here learns the ten digits. It is never told which of them are even, but the probe asks each of its layers.
The layers are stored as float16, as embeddings often are, and read as they are.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import fastsoftmax as fs

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
network = MLPClassifier((64, 64, 64), learning_rate_init=0.003, tol=2e-3, random_state=0).fit(X_train, y_train)


def layers(images):
    """Return the pixels and the outputs of each hidden layer, as float16."""
    outputs = [images]
    for W, b in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        outputs.append(np.maximum(outputs[-1] @ W + b, 0))
    return [output.astype(np.float16) for output in outputs]


# %%
# The same probe for each layer: is the digit even?

accuracies = []
for train, test in zip(layers(X_train), layers(X_test), strict=True):
    probe = fs.SoftmaxRegression(C=1, max_iter=1000).fit(train, y_train % 2)
    accuracies.append(probe.score(test, y_test % 2))

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
bars = axes.bar(["pixels", "layer 1", "layer 2", "layer 3"], accuracies, color=["0.7", "C0", "C0", "C0"])
axes.bar_label(bars, fmt="%.3f")
axes.set(ylim=(0.8, 1.02), ylabel="accuracy on the test images", title="Even or odd? The deeper, the clearer")
plt.show()
