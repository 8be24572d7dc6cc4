"""Classifiers whose exports must predict as they do, with samples; and what runs exports in C and in SQL."""

import copy
import ctypes
import functools
import subprocess
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

import fastsoftmax as fs

AWKWARD = ["it's", 'a "name" \\ of ??/ and % 1', "Ünïcode;--"]


class Case(NamedTuple):
    """A fitted classifier, samples and their labels."""

    classifier: fs.SoftmaxRegression
    X: np.ndarray
    y: np.ndarray

    @property
    def probabilities(self):
        return self.classifier.predict_proba(self.X)

    @property
    def labels(self):
        return self.classifier.predict(self.X)


def fitted_once(make):
    """Fit a case once for each dtype, and give every test a classifier of its own."""
    cached = functools.cache(make)

    @functools.wraps(make)
    def case(*arguments):
        fitted = cached(*arguments)
        return fitted._replace(classifier=copy.deepcopy(fitted.classifier))

    return case


@fitted_once
def two_classes(dtype=np.float64):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X.astype(dtype), np.array(["benign", 'it\'s "malign"'])[y]
    return Case(fs.SoftmaxRegression(standardize=True).fit(X, y), X, y)


@fitted_once
def digits(dtype=np.float64):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    return Case(fs.SoftmaxRegression().fit(X, y), X, y)


@fitted_once
def thousand_classes(dtype=np.float64):
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 1000
    X = (rng.standard_normal((1000, 30))[y] + 0.1 * rng.standard_normal((2000, 30))).astype(dtype)
    return Case(fs.SoftmaxRegression(tol=1e-3).fit(X, y), X[:40], y[:40])


@fitted_once
def far_from_zero(dtype=np.float32):
    """Features that are large and near each other: float32 keeps them only as differences."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = (1e4 + rng.standard_normal((300, 4)) + 2 * np.eye(3, 4)[y]).astype(dtype)
    return Case(fs.SoftmaxRegression(standardize=True).fit(X, np.array(AWKWARD)[y]), X, np.array(AWKWARD)[y])


@fitted_once
def bytes_of_digits(dtype=np.uint8):
    X, y = load_digits(return_X_y=True)
    return Case(fs.SoftmaxRegression().fit(X.astype(dtype), y == 3), X.astype(dtype), y == 3)


CASES = (two_classes, digits, thousand_classes, far_from_zero)

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
COMPILERS = {"c": ("gcc", "-std=c99"), "c++": ("g++", "-x", "c++", "-std=c++11")}


def compiled(path, language="c", *flags):
    library = path.with_suffix(f".{language}.so")
    command = [*COMPILERS[language], *WARNINGS, *flags, "-shared", "-fPIC", "-o", library, path, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(library)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def stored(database, table, names, X):
    database.execute(f"CREATE TABLE {quoted(table)} ({', '.join(map(quoted, names))})")
    rows = X.astype(np.float64).tolist()
    database.executemany(f"INSERT INTO {quoted(table)} VALUES ({', '.join('?' * len(names))})", rows)
