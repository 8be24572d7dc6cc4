"""The families that the kernels hold, and what is asked of them by number."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.data.samples import Samples

SOFTMAX = _kernels.FAMILIES.index("softmax")


def test_every_name_stands_once():
    assert len(set(_kernels.FAMILIES)) == len(_kernels.FAMILIES)


def test_softmax_serves_labels_and_rows_of_targets():
    assert _kernels.targets_of(SOFTMAX) == ("labels", "targets")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_mean_of_softmax_is_softmax(dtype, order):
    logits = np.asarray(np.random.default_rng(0).standard_normal((701, 7)), dtype=dtype, order=order)
    mean = np.full_like(logits, np.nan)
    _kernels.mean(mean, logits, SOFTMAX, 2)
    np.testing.assert_array_equal(mean, fs.softmax(logits))
    _kernels.mean(logits, logits, SOFTMAX, 1)
    np.testing.assert_array_equal(logits, mean)


def test_samples_without_targets_are_refused():
    logits, samples = np.zeros((3, 2)), Samples(None, None, 2)
    with pytest.raises(ValueError, match="neither labels nor targets"):
        _kernels.cross_entropy["double"](None, logits, None, 0.0, samples, SOFTMAX, 1)
