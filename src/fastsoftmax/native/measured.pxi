"""A pass whose tasks are timed one by one, on one thread: a part of _kernels.pyx.

`bench.scaling` computes from the times what the pass would take on many threads. They are times of the processor, in
which what other processes do meanwhile does not count.
"""

from time import thread_time

from .native.layout cimport PACK_FEATURES
from .native.partials cimport store_parts
from .native.simd cimport FS_MANY_CLASSES
from .native.tile cimport add_tiles
from .native.wide cimport block_stripe, block_tile


cdef list lap(list begun, Py_ssize_t n_tasks):
    """The times of the last n_tasks, from when each of them, and the one after them, began."""
    cdef Py_ssize_t first = len(begun) - n_tasks
    return [stop - start for start, stop in zip(begun[first - 1:], begun[first:])]


cdef list shared(list begun, Py_ssize_t n_parts):
    """The time of the last task, as those of the equal parts that threads share."""
    seconds, = lap(begun, 1)
    return [seconds / n_parts] * n_parts


cdef list timed_slots(double[:, ::1] grad_W_out, double[::1] grad_b_out, Gradient* g, list begun):
    cdef Py_ssize_t slot
    cdef double loss = 0
    for slot in range(g.shape.n_slots):
        slot_gradient(g, slot, g.scratch, <const float*> g.W)
        begun.append(thread_time())
    phases = [lap(begun, g.shape.n_slots)]
    store_means(&loss, &grad_W_out[0, 0], &grad_b_out[0], g)
    begun.append(thread_time())
    return [*phases, shared(begun, store_parts(g.partials.size))]


cdef list timed_blocks(double[:, ::1] grad_W_out, double[::1] grad_b_out, Gradient* g, list begun):
    cdef Py_ssize_t n_stripes = g.blocks.feature_stripes * g.blocks.output_stripes, block, stop, n_tiles, task
    phases = []
    memset(&grad_b_out[0], 0, g.shape.n_outputs * sizeof(double))
    for block in range(0, g.X.n_samples, g.blocks.block_rows):
        stop = min(block + g.blocks.block_rows, g.X.n_samples)
        n_tiles = (stop - block + g.shape.tile_rows - 1) // g.shape.tile_rows
        for task in range(n_tiles):
            block_tile(g, <const float*> g.W, g.scratch, block, task, stop)
            begun.append(thread_time())
        phases.append(lap(begun, n_tiles))
        for task in range(n_stripes):
            block_stripe(&grad_W_out[0, 0], g, g.scratch, block, stop, task, <float*> NULL)
            begun.append(thread_time())
        phases.append(lap(begun, n_stripes))
        add_tiles(0, &grad_b_out[0], g.blocks.tiles, n_tiles, g.blocks.tile_size, g.shape.n_outputs, g.X.n_samples)
        begun.append(thread_time())
        phases.append(lap(begun, 1))
    return phases


def gradient_seconds(double[:, ::1] grad_W_out, double[::1] grad_b_out, X, const float[::1] center,
                     const float[:, :] W, const float[:] b, samples, int family, int precision, int tasks_for):
    """Write the gradient as `loss_grad` does, and return the phases of `gradient_tasks` for so many threads in seconds.

    One thread does all tasks, one after the other. What it would do alone, before, between and after the phases, stands
    there as phases of one task; packing W and storing the sums of the slots, as phases of equal tasks where these are
    shared.
    """
    cdef:
        Features x = features_of[float](X, center)
        Parameters at = parameters_of[float](W, b)
        Samples parts = samples_of(samples, True, <float*> NULL)
        Gradient g
        Arena arena
    begun = [thread_time()]
    check(begin_gradient(&g, &arena, &x, &at, NULL, &parts, family, precision, tasks_for, 1, NULL, <float*> NULL))
    begun.append(thread_time())
    packing = shared(begun, max(x.n_features // PACK_FEATURES, 1) if g.n_logits >= FS_MANY_CLASSES else 1)
    try:
        if g.wide:
            return [packing, *timed_blocks(grad_W_out, grad_b_out, &g, begun)]
        return [packing, *timed_slots(grad_W_out, grad_b_out, &g, begun)]
    finally:
        release(&arena)
