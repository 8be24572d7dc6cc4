"""A training loop of PyTorch in which one line is another: `python loop.py`."""

import torch

# Instead of: from torch.nn.functional import cross_entropy
from fastsoftmax.torch import cross_entropy


def train(X, y, n_classes, n_hidden=64, n_epochs=20, batch=64, learning_rate=3e-3, loss=cross_entropy):
    """Return a network trained by Adam."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_classes)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(X)).split(batch):
            optimizer.zero_grad()
            loss(network(X[rows]), y[rows], label_smoothing=0.05).backward()
            optimizer.step()
    return network


def accuracy(network, X, y):
    """Return the share of the rows whose largest logit is that of their class."""
    with torch.no_grad():
        return (network(X).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    X, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    print(f"accuracy on the test images {accuracy(train(X[:1200], y[:1200], 10), X[1200:], y[1200:]):.4f}")
