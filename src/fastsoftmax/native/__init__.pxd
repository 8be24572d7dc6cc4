"""What the loops of `_kernels.pyx` are made of: how data lies in memory, tiles, passes; simd/ is their arithmetic."""
