"""The cross-entropy of every sample, and its gradient in given logits: each row is read from memory once."""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from .arena cimport Arena, arena_at, give, release, take
from .codes cimport FS_DONE
from .layout cimport Matrix, Samples
from .simd cimport FS_ROWS, cross_entropy_row_of, fs_cross_entropy, real

cdef enum:
    TASK_BYTES = 256 * 1024     # of logits that a thread takes at a time, at least

cdef struct RowsPass:           # what its tasks have in common
    Matrix grad                 # of the logits, which it may take the place of, or absent
    Matrix logits
    Samples samples
    double scale
    fs_cross_entropy of
    Py_ssize_t task_rows
    int threads
    char* scratch               # of each thread: rows that are not contiguous are copied
    Py_ssize_t scratch_size


cdef inline void rows_layout(RowsPass* p, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    take(&own, p.of.n_classes * sizeof(real))
    take(&own, p.of.n_classes * sizeof(real))
    p.scratch_size = own.size
    p.scratch = <char*> take(arena, p.threads * p.scratch_size)


cdef inline real* contiguous_row(real* room, const Matrix* matrix, Py_ssize_t i, Py_ssize_t n_classes) noexcept nogil:
    """Row i where it lies, or, if its elements do not adjoin, copied to room."""
    cdef real* row = <real*> matrix.data + i * matrix.row
    cdef Py_ssize_t k
    if matrix.column == 1:
        return row
    for k in range(n_classes):
        room[k] = row[k * matrix.column]
    return room


cdef inline void row_cross_entropy(double* loss_out, RowsPass* p, void* scratch, Py_ssize_t i,
                                   real* dtype) noexcept nogil:
    """Write s_i L_i, and scale · s_i ∂L_i/∂z_i where it is asked for."""
    cdef:
        Arena arena = arena_at(scratch)
        Py_ssize_t n_classes = p.of.n_classes, label = -1, k
        real* logits_room = <real*> take(&arena, n_classes * sizeof(real))
        real* targets_room = <real*> take(&arena, n_classes * sizeof(real))
        real* z
        real* row = NULL
        real* grad = NULL
        const real* y = NULL
        double weight = 1
    if p.samples.weight != NULL:
        weight = p.samples.weight[i]
    if p.grad.data != NULL:
        row = <real*> p.grad.data + i * p.grad.row
        grad = row if p.grad.column == 1 else logits_room
    if weight == 0:
        loss_out[0] = 0
        if grad != NULL:
            memset(grad, 0, n_classes * sizeof(real))
    else:
        z = contiguous_row[real](logits_room, &p.logits, i, n_classes)
        if p.samples.kind == FS_ROWS:
            y = contiguous_row[real](targets_room, &p.samples.rows, i, n_classes)
        else:
            label = p.samples.labels[i]
        loss_out[0] = cross_entropy_row_of(dtype)(grad, z, y, label, weight, p.scale, &p.of)
    if grad != row:
        for k in range(n_classes):
            row[k * p.grad.column] = grad[k]


cdef inline int cross_entropy_rows_pass(double* losses_out, Matrix grad_out, Matrix logits, Samples* samples,
                                        double scale, fs_cross_entropy of, Py_ssize_t n_samples, int num_threads,
                                        real* dtype) noexcept nogil:
    """Write s_i L_i of every sample, and scale · s_i ∂L_i/∂z_i where it is asked for, maybe in the place of z_i."""
    cdef:
        RowsPass p
        Arena arena = arena_at(NULL)
        Py_ssize_t n_tasks, task, i
        int code
    p.grad = grad_out
    p.logits = logits
    p.samples = samples[0]
    p.scale = scale
    p.of = of
    p.task_rows = 1 + TASK_BYTES // (of.n_classes * sizeof(real))
    n_tasks = (n_samples + p.task_rows - 1) // p.task_rows
    p.threads = <int> min(<Py_ssize_t> num_threads, n_tasks)
    rows_layout(&p, &arena, dtype)
    code = give(&arena, NULL)
    if code != FS_DONE:
        return code
    rows_layout(&p, &arena, dtype)
    for task in prange(n_tasks, schedule="dynamic", num_threads=p.threads):
        for i in range(task * p.task_rows, min((task + 1) * p.task_rows, n_samples)):
            row_cross_entropy(&losses_out[i], &p, p.scratch + threadid() * p.scratch_size, i, dtype)
    release(&arena)
    return FS_DONE
