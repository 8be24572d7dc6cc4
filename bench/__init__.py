"""Benchmarks: one pass over the data beside NumPy's and the machine's limit, and whole fits beside other packages.

``python -m bench.compare`` prints the table of passes; ``python -m pytest bench/bench_loss_grad.py`` makes the same
comparison with pytest-benchmark; ``python -m bench.solvers`` times fits to a given distance from the optimum. All
need the package installed with its ``bench`` extra and run from the repository's root.
"""
