"""Passes over logits that are given, whatever model they come from."""

from cython.parallel cimport prange, threadid

from .arena cimport Arena, Room, arena_at, give, release, take
from .codes cimport FS_DONE, FS_NOT_SERVED
from .layout cimport Matrix, Samples, Shape, cut
from .partials cimport Partials, begin_slot, end_slot, partials_of, store_mean, take_partials
from .simd cimport family_of, fs_family, fs_residual, fs_tile, log_softmax, real
from .tile cimport add_rows, load_rows, loss_and_residual, store_rows, take_tile

cdef struct Line:               # logits z + t d, or z where there is no direction d
    Matrix logits
    Matrix direction
    double step

cdef struct LogitsPass:         # what its tiles have in common
    Matrix out                  # residuals times a factor, or absent
    double factor
    Line line
    Samples samples
    fs_residual residual
    Shape shape
    Py_ssize_t n_samples
    int threads
    Partials partials           # of each slot the loss and the slope
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void logits_layout(LogitsPass* p, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    take_tile(&tile, &own, &p.shape, p.shape.n_outputs, sizeof(real))
    p.scratch_size = own.size
    p.scratch = <char*> take(arena, p.threads * p.scratch_size)
    take_partials(&p.partials, arena)


cdef inline int begin_logits(LogitsPass* p, Arena* arena, Py_ssize_t n_samples, Py_ssize_t n_outputs, int num_threads,
                             Room* room, real* dtype) noexcept nogil:
    """Cut the samples, and give the pass its memory."""
    cdef int code
    p.n_samples = n_samples
    p.shape = cut(n_samples, 1, n_outputs, n_outputs, 1, sizeof(real), True)
    p.threads = min(num_threads, <int> p.shape.n_slots)     # each slot is one task
    p.partials = partials_of(p.shape.n_slots, 2, p.threads)
    arena[0] = arena_at(NULL)
    logits_layout(p, arena, dtype)
    code = give(arena, room)
    if code == FS_DONE:
        logits_layout(p, arena, dtype)
    return code


cdef inline void slot_mean(LogitsPass* p, void* scratch, const fs_family* family, bint log, Py_ssize_t start,
                           Py_ssize_t stop, real* dtype) noexcept nogil:
    """Write the means that the logits give, or, for softmax alone, their logarithm; out may be the logits again."""
    cdef Arena arena = arena_at(scratch)
    cdef fs_tile tile
    cdef real* z
    take_tile(&tile, &arena, &p.shape, p.shape.n_outputs, sizeof(real))
    z = <real*> tile.z
    while start < stop:
        tile.start = start
        tile.rows = min(p.shape.tile_rows, stop - start)
        load_rows(z, &tile, p.line.logits)
        if log:
            log_softmax(z, tile.rows, tile.n_outputs, tile.ldz)
        else:
            family.mean(&tile)
        store_rows(p.out, z, &tile, <real> 1)
        start += tile.rows


cdef inline int mean_pass(Matrix out, Matrix logits, Py_ssize_t n_samples, Py_ssize_t n_outputs, int family, bint log,
                          int num_threads, Room* room, real* dtype) noexcept nogil:
    """Write the mean, or log-softmax, of every row; out may be logits itself."""
    cdef:
        LogitsPass p
        Arena arena
        const fs_family* row_functions = family_of(dtype, family)
        Py_ssize_t s
        int code
    code = begin_logits(&p, &arena, n_samples, n_outputs, num_threads, room, dtype)
    if code != FS_DONE:
        return code
    p.out = out
    p.line.logits = logits
    for s in prange(p.shape.n_slots, schedule="dynamic", num_threads=p.threads):
        slot_mean(&p, p.scratch + threadid() * p.scratch_size, row_functions, log, s * p.shape.slot_rows,
                  min((s + 1) * p.shape.slot_rows, n_samples), dtype)
    release(&arena)
    return FS_DONE


cdef inline double add_slopes(double slope, const real* z, fs_tile* tile, Matrix direction) noexcept nogil:
    """Return slope + Σ_i s_i ⟨r_i, d_i⟩ with the residuals of a tile."""
    cdef const real* d = <const real*> direction.data + tile.start * direction.row
    cdef Py_ssize_t i, k
    for i in range(tile.rows):
        for k in range(tile.n_outputs):
            slope += <double> z[k * tile.ldz + i] * d[i * direction.row + k * direction.column]
    return slope


cdef inline void slot_cross_entropy(LogitsPass* p, Py_ssize_t slot, void* scratch, real* dtype) noexcept nogil:
    """Sum s_i L_i and the slope Σ_i s_i ⟨r_i, d_i⟩, zero without a direction; write s_i r_i, times the factor, where it
    is asked for."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* z
        double* sums = begin_slot(&p.partials)
        double loss = 0, slope = 0
        Py_ssize_t start = slot * p.shape.slot_rows, stop = min(start + p.shape.slot_rows, p.n_samples)
    take_tile(&tile, &arena, &p.shape, p.shape.n_outputs, sizeof(real))
    z = <real*> tile.z
    while start < stop:
        tile.start = start
        tile.rows = min(p.shape.tile_rows, stop - start)
        load_rows(z, &tile, p.line.logits)
        if p.line.direction.data != NULL:
            add_rows(z, &tile, p.line.direction, <real> p.line.step)
        loss += loss_and_residual(&tile, <real*> tile.y, p.residual, &p.samples)
        if p.line.direction.data != NULL:
            slope = add_slopes(slope, z, &tile, p.line.direction)
        if p.out.data != NULL:
            store_rows(p.out, z, &tile, <real> p.factor)
        start += tile.rows
    sums[0] = loss
    sums[1] = slope
    end_slot(&p.partials, slot, 1, sums)


cdef inline int cross_entropy_pass(double* loss_out, double* slope_out, Matrix residual_out, Line line,
                                   Samples* samples, double factor, Py_ssize_t n_samples, Py_ssize_t n_outputs,
                                   int family, int num_threads, Room* room, real* dtype) noexcept nogil:
    """Write the means over the samples of s_i L_i and s_i ⟨r_i, d_i⟩, and factor · s_i r_i where it is asked for."""
    cdef:
        LogitsPass p
        Arena arena
        Py_ssize_t s
        int code
    p.residual = family_of(dtype, family).residual[samples.kind]
    if p.residual == NULL:
        return FS_NOT_SERVED
    code = begin_logits(&p, &arena, n_samples, n_outputs, num_threads, room, dtype)
    if code != FS_DONE:
        return code
    p.out = residual_out
    p.factor = factor
    p.line = line
    p.samples = samples[0]
    for s in prange(p.shape.n_slots, schedule="dynamic", num_threads=p.threads):
        slot_cross_entropy(&p, s, p.scratch + threadid() * p.scratch_size, dtype)
    store_mean(loss_out, &p.partials, 0, 1, n_samples, 1)
    store_mean(slope_out, &p.partials, 1, 1, n_samples, 1)
    release(&arena)
    return FS_DONE
