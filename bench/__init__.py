"""Benchmarks: one pass over the data beside NumPy's and the machine's limit, and whole fits beside other packages.

``python -m bench.compare`` prints the table of passes; ``python -m bench.solvers`` times fits to a given distance from
the optimum, ``python -m bench.zoo`` those of every kind of data. Each command keeps its numbers in ``bench/results/``:
see `bench.results`. All need the package installed with its ``bench`` extra and run from the repository's root.

pytest-benchmark makes the comparison of passes too, and keeps its numbers in its own form, if asked:
``python -m pytest bench/bench_loss_grad.py --benchmark-autosave --benchmark-storage=bench/results/loss_grad``.
"""
