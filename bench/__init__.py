"""Benchmarks: one pass over the data against NumPy, and against what the machine can do at all.

``python -m bench.compare`` prints the table; ``python -m pytest bench/bench_loss_grad.py`` makes the same comparison
with pytest-benchmark. Both need the package installed with its ``bench`` extra and run from the repository's root.
"""
