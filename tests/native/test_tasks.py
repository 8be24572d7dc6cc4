"""How a pass is cut into tasks: enough of them for many threads, and the same answer on any number."""

import heapq

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.data.samples import Samples
from fastsoftmax.families import SOFTMAX
from fastsoftmax.runtime.precision import Precision

SHAPES = [
    (581_012, 54, 7),
    (60_000, 784, 10),
    (200_000, 100, 3),
    (50_000, 768, 100),
    (20_000, 2048, 1000),
    (1_797, 64, 10),
]
# The work of the last shape is too little to be shared by many.
LARGE = SHAPES[:-1]


def longest(tasks, threads):
    """Work of the thread that has most of it, if each takes the next task when it is free."""
    loads = [0] * threads
    for task in tasks:
        heapq.heapreplace(loads, loads[0] + task)
    return max(loads)


def speed_up(shape, threads):
    phases = _kernels.gradient_tasks(*shape, threads)
    return sum(map(sum, phases)) / sum(longest(tasks, threads) for tasks in phases)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threads", [1, 2, 3, 8, 16, 64, 128])
def test_the_tasks_are_the_whole_pass(shape, threads):
    phases = _kernels.gradient_tasks(*shape, threads)
    assert sum(map(sum, phases)) == 2 * np.prod(shape)
    assert all(task > 0 for tasks in phases for task in tasks)


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize(("threads", "least"), [(2, 1.9), (4, 3.6), (8, 7), (16, 12.5), (32, 22), (64, 45)])
def test_many_threads_have_equal_shares(shape, threads, least):
    assert speed_up(shape, threads) >= least


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_few_classes_are_two_tasks_for_each_of_64_threads(shape):
    assert 110 <= len(_kernels.gradient_tasks(*shape, 1)[0]) <= 128


@pytest.mark.parametrize("shape", SHAPES)
def test_slots_do_not_depend_on_the_number_of_threads(shape):
    phases = [_kernels.gradient_tasks(*shape, threads) for threads in (1, 128)]
    if len(phases[0]) == 1:
        assert phases[0] == phases[1]


@pytest.mark.bits
@pytest.mark.parametrize("shape", [(5000, 30, 4), (5000, 90, 40), (5001, 1030, 300)])
@pytest.mark.parametrize("threads", [1, 64])
def test_timed_tasks_make_the_same_gradient(shape, threads):
    n_samples, n_features, n_classes = shape
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    W = rng.standard_normal((n_classes, n_features), dtype=np.float32) / 9
    y, b = rng.integers(0, n_classes, n_samples), np.zeros(n_classes, np.float32)
    grad_W, grad_b = np.empty(W.shape), np.empty(n_classes)
    phases = _kernels.gradient_seconds(
        grad_W, grad_b, X.data, None, W, b, Samples(y, None, n_classes), SOFTMAX.number, Precision.EXACT, threads
    )
    _, of_W, of_b = fs.loss_grad(X, y, W, b, num_threads=2)
    np.testing.assert_array_equal(grad_W.astype(np.float32), of_W)
    np.testing.assert_array_equal(grad_b.astype(np.float32), of_b)
    assert all(seconds >= 0 for tasks in phases for seconds in tasks)
    sizes = [len(tasks) for tasks in phases]
    for tasks in _kernels.gradient_tasks(*shape, threads):
        sizes.remove(len(tasks))


@pytest.mark.bits
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5001, 1030, 300), (777, 5, 60_000), (300, 9001, 33), (97, 4099, 65)])
def test_blocks_of_a_large_W_give_the_same_bits_on_any_number_of_threads(shape, dtype):
    n_samples, n_features, n_classes = shape
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features)).astype(dtype)
    W = (rng.standard_normal((n_classes, n_features)) / np.sqrt(n_features)).astype(dtype)
    y, b = rng.integers(0, n_classes, n_samples), np.zeros(n_classes, dtype)
    loss, grad_W, grad_b = fs.loss_grad(X, y, W, b, num_threads=1)
    for again in [
        *(fs.loss_grad(X, y, W, b, num_threads=t) for t in (2, 3, 16, 64)),
        fs.loss_grad(np.asfortranarray(X), y, W, b, num_threads=2),
    ]:
        assert again[0] == loss
        np.testing.assert_array_equal(again[1], grad_W)
        np.testing.assert_array_equal(again[2], grad_b)
