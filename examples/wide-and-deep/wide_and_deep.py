"""A wide and deep model, trained by SciPy's L-BFGS: `python wide_and_deep.py`.

wide      random Fourier features φ(x) = √(2/m) cos(Ω x + ω), a kernel machine (Rahimi & Recht, 2007)
deep      a hidden layer h(x) = tanh(C x + c)
logits    z = A φ(x) + B h(x) + b
"""

import numpy as np
from scipy.optimize import minimize

import fastsoftmax as fs


class WideAndDeep:
    """A model of X (n_samples, n_features) and class indices y, with an L2 penalty on A, B and C."""

    def __init__(self, n_features, n_classes, n_wide=300, n_hidden=20, bandwidth=2.0, l2=1e-4, seed=0):
        rng = np.random.default_rng(seed)
        self.frequencies = rng.standard_normal((n_wide, n_features)) / bandwidth
        self.phases = rng.uniform(0, 2 * np.pi, n_wide)
        self.l2 = l2
        shapes = [(n_classes, n_wide), (n_classes, n_hidden), (n_classes,), (n_hidden, n_features), (n_hidden,)]
        self.shapes, self.ends = shapes, np.cumsum([np.prod(shape) for shape in shapes])
        # A hidden layer of zeros would stay one.
        self.theta = rng.standard_normal(self.ends[-1]) / np.sqrt(n_features)

    def parts(self, theta):
        """Return A, B, b, C, c as views of theta."""
        return [part.reshape(shape) for part, shape in zip(np.split(theta, self.ends[:-1]), self.shapes, strict=True)]

    def wide(self, X):
        """Return φ(x) of all rows."""
        return np.sqrt(2 / len(self.phases)) * np.cos(X @ self.frequencies.T + self.phases)

    def logits(self, theta, X, phi):
        """Return z and h of all rows, whose φ is known."""
        A, B, b, C, c = self.parts(theta)
        H = np.tanh(X @ C.T + c)
        return phi @ A.T + H @ B.T + b, H

    def loss_grad(self, theta, X, phi, y):
        """Return the mean loss plus the penalty, and the gradient with respect to theta."""
        A, B, _, C, _ = self.parts(theta)
        Z, H = self.logits(theta, X, phi)
        loss, G = fs.cross_entropy_grad(Z, y, out=Z)
        grad_hidden = (G @ B) * (1 - H * H)
        grads = [G.T @ phi + self.l2 * A, G.T @ H + self.l2 * B, G.sum(axis=0)]
        grads += [grad_hidden.T @ X + self.l2 * C, grad_hidden.sum(axis=0)]
        penalty = self.l2 / 2 * sum((part**2).sum() for part in (A, B, C))
        return loss + penalty, np.concatenate([grad.ravel() for grad in grads])

    def fit(self, X, y, max_iter=100):
        """Set theta."""
        result = minimize(
            self.loss_grad, self.theta, (X, self.wide(X), y), jac=True, method="L-BFGS-B", options={"maxiter": max_iter}
        )
        self.theta = result.x
        return self

    def predict_proba(self, X):
        """Return the probabilities of the classes, (n_samples, n_classes)."""
        return fs.softmax(self.logits(self.theta, X, self.wide(X))[0])


if __name__ == "__main__":
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    model = WideAndDeep(64, 10).fit(images[:1200] / 16, labels[:1200])
    right = model.predict_proba(images[1200:] / 16).argmax(axis=1) == labels[1200:]
    print(f"accuracy on the test images {right.mean():.4f}")
