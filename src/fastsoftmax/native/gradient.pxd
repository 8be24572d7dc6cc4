"""The memory of a gradient pass."""

from .arena cimport CACHE_LINE, Arena, arena_at, round_up, take
from .layout cimport Features, Samples, Shape
from .simd cimport fs_residual, fs_tile, real
from .tile cimport take_tile

cdef struct Gradient:           # a pass: what its tiles have in common
    Features X
    Samples samples
    Shape shape
    fs_residual residual
    Py_ssize_t n_logits         # those of the outputs, and those of a direction
    int parts
    int threads
    void* W                     # packed, as all that follows is of the dtype that is computed in
    void* b
    void* zeros
    double* slots               # the gradient of W, that of b, the loss
    Py_ssize_t slot_size        # doubles from one to the next
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void gradient_scratch(fs_tile* tile_out, real** sums_out, real** room_out, Arena* arena,
                                  Gradient* g) noexcept nogil:
    """A thread's own memory: a tile, sums in the data's precision, and room for samples."""
    take_tile(tile_out, arena, &g.shape, g.n_logits, sizeof(real))
    tile_out.parts = g.parts
    sums_out[0] = <real*> take(arena, g.shape.n_outputs * g.shape.width * sizeof(real))
    room_out[0] = <real*> take(arena, g.shape.tile_features * g.shape.tile_rows * sizeof(real))


cdef inline void gradient_layout(Gradient* g, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    cdef real* room
    cdef Py_ssize_t n_sums = g.shape.n_outputs * (g.shape.n_features + 1) + 1
    gradient_scratch(&tile, &dtype, &room, &own, g)
    g.scratch_size = own.size
    g.slot_size = round_up(n_sums * sizeof(double), CACHE_LINE) // <Py_ssize_t> sizeof(double)
    g.W = take(arena, g.n_logits * g.shape.width * sizeof(real))
    g.b = take(arena, g.n_logits * sizeof(real))
    g.zeros = take(arena, g.X.n_features * sizeof(real))
    g.slots = <double*> take(arena, g.shape.n_slots * g.slot_size * sizeof(double))
    g.scratch = <char*> take(arena, g.threads * g.scratch_size)
