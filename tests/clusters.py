"""What the tests hand to the workers of a cluster; a module of its own, which they can import."""

import os
import signal
import time
from pathlib import Path


class KillOnce:
    """A function of leaves that kills the process that asks for leaf 2, if no other was killed before."""

    def __init__(self, of_leaf, flag):
        self.of_leaf, self.flag = of_leaf, flag

    def __call__(self, leaf):
        if leaf.number == 2:
            try:
                os.close(os.open(self.flag, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                time.sleep(0.2)  # others are in the middle of the pass
                os.kill(os.getpid(), signal.SIGKILL)
        return self.of_leaf(leaf)


class FailingPart:
    """Makes a partition; while the flag stands, as where a disk is gone, it cannot."""

    def __init__(self, part, flag):
        self.part, self.flag = part, flag

    def __call__(self):
        if Path(self.flag).exists():
            raise OSError("the disk is gone")
        return self.part
