"""How a problem lies in memory: X as it is stored, its samples' targets, parameters, tiles and slots."""

from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .arena cimport round_up
from .simd cimport (
    FS_F32, FS_F64, FS_MANY_CLASSES, FS_MANY_TILE_ROWS, FS_ROW_ALIGN, direct_kinds, in_panels, many_width_of,
    panel_vectors, real,
)

cdef enum:
    PACK_FEATURES = 64          # features of W that a thread packs at a time
    TILE_BYTES = 512 * 1024     # samples of a tile at most: they fit the second-level cache
    TILE_ROWS = 64              # samples of a tile at most: their logits fit the first-level cache
    NEAR_LOGITS = 6             # outputs at most that a tile waits for memory with
    NEAR_BYTES = 20000          # samples of such a tile, about: they fit the first-level cache beside those of the next
    SLOT_ROWS = 256             # samples of a slot at least, if there are that many: adding its sums costs little then
    LARGE_SLOT_ROWS = 768       # the same if there are many outputs: the sums of a slot are large
    LARGE_SLOTS = 64            # this many of them, rather than a few more: of so many threads each has one then
    LARGE_SLOT_MOST = 960       # unless one of LARGE_SLOTS has more samples than this
    MANY_ROWS = 96              # samples of a tile of many outputs
    WIDE = 1 << 18              # numbers in W from which on it is large, and is not multiplied by slots
    SLOTS = 128                 # this many, or a few less, if the samples suffice: 64 threads have two each

cdef struct Shape:
    Py_ssize_t n_features
    Py_ssize_t n_outputs
    bint in_place               # whether tiles are read where they lie, or made of what is stored
    Py_ssize_t tile_features    # n_features, or one whole vector if that is more
    Py_ssize_t width            # tile_features rounded up to whole vectors: how W and the gradient are packed
    Py_ssize_t lanes            # elements of a vector
    Py_ssize_t tile_rows        # samples in a tile, a multiple of FS_ROW_ALIGN: also the distance of outputs in z
    Py_ssize_t slot_rows        # samples in a slot
    Py_ssize_t n_slots

cdef struct Matrix:             # samples × something, of any strides; absent: data is NULL
    const void* data
    Py_ssize_t row              # elements from one sample to the next,
    Py_ssize_t column           # and from one column to the next

cdef struct Features:           # X as it is stored; a sample is x_ij = stored_ij - center_j
    Matrix matrix
    int storage                 # FS_F32, ...
    Py_ssize_t itemsize
    Py_ssize_t n_samples
    Py_ssize_t n_features
    const void* center          # n_features of the dtype that is computed in, or NULL for zeros

cdef struct Parameters:         # W (n_logits, n_features) and b (n_logits,): those of the outputs, and of a direction
    Matrix W
    Matrix b                    # one column
    Py_ssize_t n_logits

cdef struct Samples:
    int kind                        # FS_LABELS, FS_ROWS, or FS_DIRECTION where there are no targets
    const Py_ssize_t* labels
    Matrix rows                     # samples × outputs: probabilities, counts, numbers
    const double* weight            # NULL: every sample counts once
    Matrix offset                   # samples × outputs, or absent
    double parameter                # the family's


cdef inline bint is_wide(Py_ssize_t n_outputs, Py_ssize_t n_features) noexcept nogil:
    return n_outputs >= FS_MANY_CLASSES and n_outputs * n_features >= WIDE


cdef inline Shape shape_of(Py_ssize_t n_features, Py_ssize_t n_outputs, Py_ssize_t lanes, bint in_place) noexcept nogil:
    """How features and outputs lie in memory, for any number of samples."""
    cdef Shape shape
    memset(&shape, 0, sizeof(shape))
    shape.n_features = n_features
    shape.lanes = lanes
    shape.n_outputs = n_outputs
    shape.in_place = in_place and n_features >= lanes
    shape.tile_features = max(n_features, lanes)
    shape.width = round_up(shape.tile_features, lanes)
    return shape


cdef inline Py_ssize_t few_rows(Py_ssize_t n_logits, Py_ssize_t row_bytes) noexcept nogil:
    """Samples of a tile of few outputs."""
    cdef Py_ssize_t near = (NEAR_BYTES // row_bytes + FS_ROW_ALIGN // 2) // FS_ROW_ALIGN * FS_ROW_ALIGN
    if n_logits <= NEAR_LOGITS and FS_ROW_ALIGN * row_bytes <= NEAR_BYTES:
        return min(near, <Py_ssize_t> TILE_ROWS)
    return min(TILE_ROWS, TILE_BYTES // row_bytes // FS_ROW_ALIGN * FS_ROW_ALIGN)


cdef inline Shape cut(Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_outputs, Py_ssize_t n_logits,
                      Py_ssize_t lanes, Py_ssize_t itemsize, bint in_place) noexcept nogil:
    """Cut the samples into tiles and slots: by the problem's shape and nothing else."""
    cdef Shape shape = shape_of(n_features, n_outputs, lanes, in_place)
    cdef Py_ssize_t rows
    if n_logits >= FS_MANY_CLASSES:
        rows = FS_MANY_TILE_ROWS if is_wide(n_outputs, n_features) else MANY_ROWS
    else:
        rows = few_rows(n_logits, itemsize * shape.width)
    rows = min(rows, round_up(n_samples, FS_ROW_ALIGN))
    shape.tile_rows = max(rows, FS_ROW_ALIGN)
    rows = SLOT_ROWS
    if n_outputs >= FS_MANY_CLASSES:
        rows = max((n_samples + LARGE_SLOTS - 1) // LARGE_SLOTS, <Py_ssize_t> LARGE_SLOT_ROWS)
        rows = min(rows, <Py_ssize_t> LARGE_SLOT_MOST)
    rows = max((n_samples + SLOTS - 1) // SLOTS, rows)
    shape.slot_rows = round_up(rows, shape.tile_rows)
    shape.n_slots = (n_samples + shape.slot_rows - 1) // shape.slot_rows
    return shape


cdef inline Py_ssize_t packed_feature(Py_ssize_t j, Shape* shape) noexcept nogil:
    """Position of feature j in a packed row, whose last vector holds the last features and may overlap the others."""
    return j if j < shape.width - shape.lanes else j + shape.width - shape.tile_features


cdef inline int own_storage(const real* dtype) noexcept nogil:
    """What samples of the dtype itself are stored as."""
    if real is float:
        return FS_F32
    else:
        return FS_F64


cdef inline bint is_plain(Features* X, const real* dtype) noexcept nogil:
    """Whether rows of X are samples of the dtype as they are."""
    return X.storage == own_storage(dtype) and X.matrix.column == 1 and X.center == NULL


cdef inline bint is_direct(Features* X, Py_ssize_t n_logits, const real* dtype) noexcept nogil:
    """Whether the products of a tile read rows of X as they are stored."""
    cdef int kinds = 1 << own_storage(dtype)
    if n_logits < FS_MANY_CLASSES:
        kinds = direct_kinds(dtype)
    return kinds >> X.storage & 1 and X.matrix.column == 1 and X.center == NULL


cdef inline void pack_parameters(real* W_out, real* b_out, Parameters* at, Shape* shape) noexcept nogil:
    """W as rows of width, zero where no feature stands, and b contiguous."""
    cdef Py_ssize_t head = shape.width - shape.lanes, tail = shape.n_features - head, j, k
    cdef real* row
    cdef const real* W_k
    for k in range(at.n_logits):
        row = W_out + k * shape.width
        W_k = <const real*> at.W.data + k * at.W.row
        memset(row + head, 0, shape.lanes * sizeof(real))
        if at.W.column == 1:
            memcpy(row, W_k, head * sizeof(real))
            memcpy(row + packed_feature(head, shape), W_k + head, tail * sizeof(real))
        else:
            for j in range(shape.n_features):
                row[packed_feature(j, shape)] = W_k[j * at.W.column]
        b_out[k] = (<const real*> at.b.data)[k * at.b.row]


cdef inline Py_ssize_t panels_size(Py_ssize_t n_logits, Shape* shape) noexcept nogil:
    return round_up(in_panels(n_logits, shape.lanes), shape.lanes) * shape.tile_features


cdef inline Py_ssize_t weights_size(Py_ssize_t n_logits, Shape* shape) noexcept nogil:
    """Elements of W as the products of a tile have it."""
    if n_logits < FS_MANY_CLASSES:
        return n_logits * shape.width
    return panels_size(n_logits, shape) + (n_logits - in_panels(n_logits, shape.lanes)) * shape.width


cdef inline void pack_panels(real* W_out, Parameters* at, Py_ssize_t first, Py_ssize_t n_packed, Py_ssize_t start,
                             Shape* shape) noexcept nogil:
    """PACK_FEATURES features of W, from start on, in panels of a few of n_packed outputs; those of W are from first on.
    """
    cdef Py_ssize_t stop = min(start + PACK_FEATURES, shape.n_features), most = many_width_of(W_out) // shape.lanes
    cdef Py_ssize_t begin = 0, end = min(first + at.n_logits, n_packed), width, j, k
    cdef real* panel
    cdef const real* W_k
    while begin < end:
        width = shape.lanes * panel_vectors((n_packed - begin + shape.lanes - 1) // shape.lanes, most)
        panel = W_out + begin * shape.tile_features
        for k in range(max(begin, first), min(begin + width, end)):
            W_k = <const real*> at.W.data + (k - first) * at.W.row
            for j in range(start, stop):
                panel[j * width + k - begin] = W_k[j * at.W.column]
        begin += width


cdef inline void pack_weights(real* W_out, real* b_out, Parameters* at, Py_ssize_t first, Py_ssize_t n_logits,
                              Shape* shape, int num_threads) noexcept nogil:
    """W and b as the products of a tile have them: those of the outputs from first on, of n_logits."""
    cdef Py_ssize_t n_packed = in_panels(n_logits, shape.lanes), last, j, k
    cdef Parameters others = at[0]
    if n_logits < FS_MANY_CLASSES:
        pack_parameters(W_out + first * shape.width, b_out + first, at, shape)
        return
    if first == 0 and shape.tile_features > shape.n_features:
        memset(W_out, 0, weights_size(n_logits, shape) * sizeof(real))
    elif first == 0 and n_packed % shape.lanes:     # of the last panel not all lanes have an output
        last = max(n_packed // shape.lanes * shape.lanes - many_width_of(W_out), 0)
        memset(W_out + last * shape.tile_features, 0,
               (panels_size(n_logits, shape) - last * shape.tile_features) * sizeof(real))
    for j in prange(0, shape.n_features, PACK_FEATURES, schedule="static", num_threads=num_threads):
        pack_panels(W_out, at, first, n_packed, j, shape)
    k = max(n_packed - first, 0)                    # the first that is in no panel
    if k < at.n_logits:
        others.W.data = <const real*> at.W.data + k * at.W.row
        others.b.data = <const real*> at.b.data + k * at.b.row
        others.n_logits = at.n_logits - k
        pack_parameters(W_out + panels_size(n_logits, shape) + (first + k - n_packed) * shape.width, b_out + first + k,
                        &others, shape)
    for k in range(min(k, at.n_logits)):
        b_out[first + k] = (<const real*> at.b.data)[k * at.b.row]


cdef inline void pack_center(Features* X, real* zeros_out) noexcept nogil:
    """Use zeros as the center if none is given."""
    if X.center == NULL:
        memset(zeros_out, 0, X.n_features * sizeof(real))
        X.center = zeros_out
