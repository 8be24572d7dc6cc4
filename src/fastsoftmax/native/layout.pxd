"""How a problem lies in memory: X as it is stored, its tiles and slots, matrices of any strides, scratch memory."""

from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from libc.stdlib cimport malloc
from libc.string cimport memcpy, memset

from .simd cimport (
    FS_BF16, FS_F16, FS_F32, FS_F64, FS_I8, FS_MANY_CLASSES, FS_MAX_TILE_ROWS, FS_ROW_ALIGN, FS_U8, direct_kinds,
    real,
)

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    /* A hint: the first touch of a page costs as much as reading it many times, and large pages are fewer. */
    static inline void fs_advise_huge_pages(void *memory, size_t size) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        (void)madvise(memory, size, MADV_HUGEPAGE);
    #else
        (void)memory, (void)size;
    #endif
    }
    """
    void fs_advise_huge_pages(void* memory, size_t size) noexcept nogil

cdef enum:
    CACHE_LINE = 64
    HUGE_PAGE = 2 * 1024 * 1024
    TILE_BYTES = 512 * 1024     # samples of a tile: what the second-level caches in use have room for
    TILE_ROWS = 64              # enough to make the sums of a tile worth storing, few enough for the first-level cache
    FLUSH_TILES = 32            # tiles summed in the data's precision before they are added to the slot's float64
    SLOT_ROWS = 512             # samples of a slot at least
    MAX_SLOTS = 32              # more than that many threads have nothing to do
    MIN_SLOTS = 8               # where the slots of a very large W would need more than SLOT_BYTES together
    SLOT_BYTES = 32 * 1024 * 1024

cdef struct Shape:
    Py_ssize_t n_features
    Py_ssize_t n_classes
    bint in_place               # whether tiles are read where they lie, or made of what is stored
    Py_ssize_t tile_features    # n_features, or one whole vector if that is more
    Py_ssize_t width            # tile_features rounded up to whole vectors: how W and the gradient are packed
    Py_ssize_t lanes            # elements of a vector
    Py_ssize_t tile_rows        # samples in a tile, a multiple of FS_ROW_ALIGN: also the distance of classes in z
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

cdef struct Targets:
    const Py_ssize_t* labels        # class indices, or NULL:
    Matrix rows                     # then n_samples × n_classes probabilities or counts
    const double* sample_weight     # NULL: every sample counts once


cdef inline Py_ssize_t round_up(Py_ssize_t size, Py_ssize_t multiple) noexcept nogil:
    return (size + multiple - 1) // multiple * multiple


cdef inline Shape cut(Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_classes, Py_ssize_t lanes,
                      Py_ssize_t itemsize, bint in_place) noexcept nogil:
    """Cut the samples into tiles and slots: by the problem's shape and nothing else."""
    cdef Shape shape
    cdef Py_ssize_t rows, slot_bytes = n_classes * (n_features + 1) * sizeof(double)
    shape.n_features = n_features
    shape.lanes = lanes
    shape.n_classes = n_classes
    shape.in_place = in_place and n_features >= lanes
    shape.tile_features = max(n_features, lanes)
    shape.width = round_up(shape.tile_features, lanes)
    if n_classes >= FS_MANY_CLASSES:    # so many sums that the largest tiles pay
        rows = FS_MAX_TILE_ROWS
    else:
        rows = min(TILE_ROWS, TILE_BYTES // (itemsize * shape.width) // FS_ROW_ALIGN * FS_ROW_ALIGN)
    rows = min(rows, round_up(n_samples, FS_ROW_ALIGN))
    shape.tile_rows = max(rows, FS_ROW_ALIGN)
    shape.n_slots = min(MAX_SLOTS, max(MIN_SLOTS, SLOT_BYTES // slot_bytes))
    rows = max((n_samples + shape.n_slots - 1) // shape.n_slots, SLOT_ROWS)
    shape.slot_rows = round_up(rows, shape.tile_rows)
    shape.n_slots = (n_samples + shape.slot_rows - 1) // shape.slot_rows
    return shape


cdef inline Py_ssize_t packed_feature(Py_ssize_t j, Shape* shape) noexcept nogil:
    """Where feature j stands in a packed row: the last vector holds the last features, and may overlap the others."""
    return j if j < shape.width - shape.lanes else j + shape.width - shape.tile_features


cdef inline Matrix strided(const real[:, :] array) noexcept:
    """Pointer and strides of a memoryview, or of None."""
    cdef Matrix matrix = Matrix(NULL, 0, 0)
    if array is not None:
        matrix.data = &array[0, 0]
        matrix.row = array.strides[0] // <Py_ssize_t> sizeof(real)
        matrix.column = array.strides[1] // <Py_ssize_t> sizeof(real)
    return matrix


cdef inline Features stored(view, const real[::1] center) except *:
    """X of a `memoryview` object, whose elements may be of any kind: bfloat16 comes as uint16, since Python has no name
    for it. Typed memoryviews would want a copy of every function for each kind."""
    cdef Py_buffer* buffer = PyMemoryView_GET_BUFFER(view)
    cdef Features X
    X.storage = storage_of(buffer.format[0])
    X.itemsize = buffer.itemsize
    X.n_samples = buffer.shape[0]
    X.n_features = buffer.shape[1]
    X.matrix = Matrix(buffer.buf, buffer.strides[0] // X.itemsize, buffer.strides[1] // X.itemsize)
    X.center = NULL
    if center is not None:
        X.center = &center[0]
    return X


cdef inline int storage_of(char code) except -1:
    """The kind of element that a letter of Python's `struct` stands for."""
    if code == b"f":
        return FS_F32
    if code == b"d":
        return FS_F64
    if code == b"e":
        return FS_F16
    if code == b"H":
        return FS_BF16
    if code == b"B" or code == b"?":
        return FS_U8
    if code == b"b":
        return FS_I8
    raise ValueError(f"elements of kind {chr(code)!r} are not served")


cdef inline int own_storage(real* dtype) noexcept nogil:
    """What samples of the dtype itself are stored as."""
    if real is float:
        return FS_F32
    else:
        return FS_F64


cdef inline bint is_plain(Features* X, real* dtype) noexcept nogil:
    """Whether rows of X are samples of the dtype as they are."""
    return X.storage == own_storage(dtype) and X.matrix.column == 1 and X.center == NULL


cdef inline bint is_direct(Features* X, Py_ssize_t n_classes, real* dtype) noexcept nogil:
    """Whether the products of a tile read rows of X as they are stored."""
    cdef int kinds = 1 << own_storage(dtype)
    if n_classes < FS_MANY_CLASSES:
        kinds = direct_kinds(dtype)
    return kinds >> X.storage & 1 and X.matrix.column == 1 and X.center == NULL


cdef inline const double* vector(const double[::1] array) noexcept:
    """Pointer of a memoryview, or of None."""
    if array is None:
        return NULL
    return &array[0]


cdef inline Targets bind(const Py_ssize_t[::1] labels, const real[:, :] targets,
                         const double[::1] sample_weight) noexcept:
    """Pointers of the targets; of labels and targets at most one is not None."""
    cdef Targets bound = Targets(NULL, strided(targets), vector(sample_weight))
    if labels is not None:
        bound.labels = &labels[0]
    return bound


cdef inline void pack_parameters(real* W_out, real* b_out, const real[:, :] W, const real[:] b,
                                 Shape* shape) noexcept nogil:
    """W as rows of width, zero where no feature stands, and b contiguous."""
    cdef Py_ssize_t head = shape.width - shape.lanes, tail = shape.n_features - head, j, k
    cdef bint adjoining = W.strides[1] == sizeof(real)
    cdef real* row
    for k in range(W.shape[0]):
        row = W_out + k * shape.width
        memset(row + head, 0, shape.lanes * sizeof(real))
        if adjoining:
            memcpy(row, &W[k, 0], head * sizeof(real))
            memcpy(row + packed_feature(head, shape), &W[k, head], tail * sizeof(real))
        else:
            for j in range(shape.n_features):
                row[packed_feature(j, shape)] = W[k, j]
        b_out[k] = b[k]


cdef inline void pack_center(Features* X, real* center_out) noexcept nogil:
    """Let there be a center: zeros where none is given."""
    if X.center == NULL:
        memset(center_out, 0, X.n_features * sizeof(real))
        X.center = center_out


cdef inline char* allocate(void** block_out, Py_ssize_t size) except NULL:
    """Memory that starts on a cache line, or on a huge page where it fills some; block_out is what to free."""
    cdef Py_ssize_t alignment = HUGE_PAGE if size >= 2 * HUGE_PAGE else CACHE_LINE
    cdef char* memory
    block_out[0] = malloc(size + alignment)
    if block_out[0] == NULL:
        raise MemoryError(f"could not allocate {size} bytes of scratch memory")
    memory = <char*> round_up(<Py_ssize_t> block_out[0], alignment)
    if alignment == HUGE_PAGE:
        fs_advise_huge_pages(memory, size)
    return memory


cdef inline Py_ssize_t lines(Py_ssize_t size) noexcept nogil:
    """Bytes rounded up to whole cache lines, so that no two threads write to one."""
    return round_up(size, CACHE_LINE)
