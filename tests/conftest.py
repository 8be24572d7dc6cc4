import pytest


@pytest.fixture
def digits():
    """Scikit-learn's bundled digits: X (1797, 64) in [0, 1], y in 0..9."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y
