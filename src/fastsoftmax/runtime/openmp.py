"""Load OpenMP so that its threads wait asleep.

Between two passes, the threads of a runtime wait in a busy loop: GNU's for about a millisecond, LLVM's for 200. If
another process wants the processors, the operating system then takes them away in the middle of the next pass, and all
threads wait for the one that lost its turn: a fit takes many times as long as with one thread. The runtime reads how to
wait from the environment, once, when it is loaded, so this module must be the first to import the kernels. Who has set
it keeps it, and so does a runtime that another package has loaded before.
"""

import os

CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
is_chosen = any(name in os.environ for name in CHOICES)

if not is_chosen:
    os.environ["OMP_WAIT_POLICY"] = "passive"
try:
    from .. import _kernels  # noqa: F401
finally:
    if not is_chosen:
        # Other packages and child processes choose for themselves.
        del os.environ["OMP_WAIT_POLICY"]
