"""The innermost loop: logits, stable softmax, residual and gradient, in one pass over X.

For reading, begin with bench/kernels/versions.c: the same loop, from the textbook on, with one change at a time.

For a sample x_i with target y_i, weight s_i and offset o_i:

    logits         z_ik = Σ_j W_kj x_ij + b_k + o_ik
    residual       r_ik = ∂L_i/∂z_ik                             the family's, as L_i is
    gradient       ∂L/∂W_kj = Σ_i s_i r_ik x_ij,   ∂L/∂b_k = Σ_i s_i r_ik
    Hessian        of a direction (V, v), with u_i = V x_i + v: the same sums of r_i = C_i u_i, C_i = ∂²L_i/∂z_i²

For softmax, as for every family in native/simd/families/, a header has the row functions:

    probabilities  p_ik = exp(z_ik − m_i) / Σ_k exp(z_ik − m_i)      m_i = max_k z_ik, so that nothing overflows
    loss           L_i  = logΣ_k exp(z_ik) · Σ_k y_ik − Σ_k y_ik z_ik
    residual       r_ik = p_ik Σ_k y_ik − y_ik                       for a hard label: softmax(z_i) − δ
    curvature      r_ik = p_ik (u_ik − Σ_c p_ic u_ic)

The samples are worked on in tiles that stay in the second-level cache: X is read from memory once, and the n × K matrix
of logits never exists. Inside a tile, logits are stored transposed, (n_outputs, rows), so that loops over samples
vectorise for any number of outputs. X in 16 or 8 bits an element, or in Fortran's order, is converted to float32 a tile
at a time, never as a whole.

The samples are cut into slots by the problem's shape alone. Each slot sums into its own memory, and the slots are added
in pairs, as a tree: the answer is the same, bit for bit, on any number of threads. Sums of many rows are kept in
float64, since a float32 sum of n terms loses what a solver needs to converge.
Of a large W there are no slots: native/blocks.pxd.

precision says how exact the products must be at least; product, which of the instruction set serve it best.

Passes need no GIL and know nothing of Python: pointers, sizes and strides in elements go in, a code comes out. The
`def` functions at the end are the border to Python. Outputs are the caller's, end in `_out` and come first, inputs
follow, sizes are last.

Indices, always: i sample, k class or other output, j feature.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from .native.arena cimport Arena, Room, arena_at, give, release
from .native.blocks cimport feature_start, output_start, touch_blocks
from .native.border cimport features_of, matrix_of, parameters_of, parts_of, pointer_of, samples_of
from .native.codes cimport FS_DONE, FS_NOT_SERVED, check
from .native.cross_entropy cimport cross_entropy_rows_pass
from .native.csr cimport (
    FS_MAX_STEPS, FS_MAX_STRIPES, Csr, CsrParameters, csr_of, csr_parameters_of, first_outside, parameter,
)
from .native.csr_gradient cimport csr_gradient_pass
from .native.csr_predict cimport csr_predict_pass
from .native.dual cimport Ascent, dual_ascent
from .native.gradient cimport Gradient, gradient_layout, plan_gradient, residual_tile, slot_scratch
from .native.gram cimport gram_pass
from .native.layout cimport Features, Matrix, Parameters, Samples, cut, is_direct, pack_center, pack_weights
from .native.logits cimport Line, cross_entropy_pass, mean_pass
from .native.partials cimport buffer_of, end_slot, store_mean
from .native.predict cimport predict_pass
from .native.simd cimport (
    FS_EXACT, FS_FAST, FS_LABELS, FS_N_FAMILIES, FS_ROUGH, FS_ROWS, FS_softmax, family_of, fs_active_use,
    fs_cross_entropy, fs_family_names, fs_product_of, fs_tile, lanes_of, real, sum_samples, tile_gradient,
)
from .native.slots cimport FLUSH_TILES, add_run, add_sums
from .native.sums cimport sums_pass
from .native.tile cimport bring, upcoming
from .native.wide cimport wide_gradient

# ---------------------------------------------------------------------------------------------------------------------
# One slot: the loop over tiles
# ---------------------------------------------------------------------------------------------------------------------

cdef void slot_gradient(Gradient* g, Py_ssize_t slot, void* scratch, const real* W) noexcept nogil:
    """Sum s_i r_i x_iᵀ, s_i r_i and s_i L_i of the samples of a slot."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* sums
        real* room
        real* z
        double* grad_W = NULL
        double* rest                    # of the gradient of b, then the loss
        double loss = 0
        Py_ssize_t start = slot * g.shape.slot_rows, stop = min(start + g.shape.slot_rows, g.X.n_samples)
        Py_ssize_t following, tiles = 0, slots = 1
    slot_scratch(&tile, &sums, &rest, &room, &arena, g)
    z = <real*> tile.z
    memset(rest, 0, tile.n_outputs * sizeof(double))
    memset(sums, 0, tile.n_outputs * g.shape.width * sizeof(real))
    while start < stop:
        bring(&tile, room, &g.X, start, stop, &g.shape)
        start += tile.rows

        # logits, loss and residual: z_i = W x_i + b + o_i becomes s_i r_i
        following = start if start < stop else start + (g.threads - 1) * g.shape.slot_rows  # the likely next slot
        tile.fetch = upcoming(&g.X, following)
        loss += residual_tile(&tile, g, W)

        # gradient: ∂L/∂W += Σ_i s_i r_i x_iᵀ and ∂L/∂b += Σ_i s_i r_i
        tile.fetch = upcoming(&g.X, following + tile.rows // 2)
        tile_gradient(sums, &tile)
        sum_samples(rest, z, tile.rows, tile.n_outputs, tile.ldz)

        # after a run of tiles, their sums are added to the slot's, in float64
        tiles += 1
        if tiles % FLUSH_TILES == 0 or start >= stop:
            if grad_W == NULL:
                grad_W = buffer_of(&g.partials, slot, start >= stop, &slots)
            add_run(grad_W, g.shape.n_features, sums, tiles <= FLUSH_TILES and slots == 1, &g.shape)
            memset(sums, 0, tile.n_outputs * g.shape.width * sizeof(real))
    rest[tile.n_outputs] = loss
    add_sums(grad_W + tile.n_outputs * g.shape.n_features, rest, slots == 1, tile.n_outputs + 1)
    end_slot(&g.partials, slot, slots, grad_W)


# ---------------------------------------------------------------------------------------------------------------------
# The slots, over the threads
# ---------------------------------------------------------------------------------------------------------------------

cdef void store_means(double* loss_out, double* grad_W_out, double* grad_b_out, Gradient* g) noexcept nogil:
    """Write what all slots have added up to."""
    cdef Py_ssize_t n_outputs = g.shape.n_outputs, n_weights = n_outputs * g.X.n_features
    store_mean(grad_W_out, &g.partials, 0, n_weights, g.X.n_samples, g.threads)
    store_mean(grad_b_out, &g.partials, n_weights, n_outputs, g.X.n_samples, g.threads)
    store_mean(loss_out, &g.partials, n_weights + n_outputs, 1, g.X.n_samples, g.threads)


cdef void slots_gradient(double* loss_out, double* grad_W_out, double* grad_b_out, Gradient* g,
                         const real* W) noexcept nogil:
    """Write the means of s_i L_i, s_i r_i x_iᵀ and s_i r_i, by slots."""
    cdef Py_ssize_t s
    for s in prange(g.shape.n_slots, schedule="dynamic", num_threads=g.threads):
        slot_gradient(g, s, g.scratch + threadid() * g.scratch_size, W)
    store_means(loss_out, grad_W_out, grad_b_out, g)


cdef int begin_gradient(Gradient* g, Arena* arena, Features* X, Parameters* at, Parameters* direction, Samples* samples,
                        int family, int precision, int tasks_for, int num_threads, Room* room,
                        real* dtype) noexcept nogil:
    """Cut a pass into tasks that are enough for tasks_for threads, find its memory and pack W."""
    cdef Py_ssize_t n_outputs = at.n_logits
    cdef int code
    arena[0] = arena_at(NULL)
    g.X = X[0]
    g.samples = samples[0]
    g.residual = family_of(dtype, family).residual[samples.kind]
    if g.residual == NULL:
        return FS_NOT_SERVED
    g.n_logits = n_outputs if direction == NULL else 2 * n_outputs
    g.shape = cut(X.n_samples, X.n_features, n_outputs, g.n_logits, lanes_of(dtype), sizeof(real),
                  is_direct(X, g.n_logits, dtype))
    g.product = fs_product_of(fs_active_use.in_pass, precision, n_outputs)
    plan_gradient(g, tasks_for, dtype)
    g.threads = min(g.threads, num_threads)
    gradient_layout(g, arena, dtype)
    code = give(arena, room)
    if code != FS_DONE:
        return code
    gradient_layout(g, arena, dtype)
    pack_weights(<real*> g.W, <real*> g.b, at, 0, g.n_logits, &g.shape, g.threads)
    if direction != NULL:
        pack_weights(<real*> g.W, <real*> g.b, direction, n_outputs, g.n_logits, &g.shape, g.threads)
    pack_center(&g.X, <real*> g.zeros)
    if g.wide:
        touch_blocks(&g.blocks, sizeof(real), g.threads)
    return FS_DONE


cdef int gradient_pass(double* loss_out, double* grad_W_out, double* grad_b_out, Features* X, Parameters* at,
                       Parameters* direction, Samples* samples, int family, int precision, int num_threads, Room* room,
                       real* dtype) noexcept nogil:
    """Write the means over the samples of s_i L_i, s_i r_i x_iᵀ and s_i r_i: one pass over X.

    direction is NULL, or what r_i is the curvature's product with.
    """
    cdef:
        Gradient g
        Arena arena
        int code = begin_gradient(&g, &arena, X, at, direction, samples, family, precision, num_threads, num_threads,
                                  room, dtype)
    if code != FS_DONE:
        return code
    if g.wide:
        loss_out[0] = wide_gradient(grad_W_out, grad_b_out, &g, <const real*> g.W, dtype)
    else:
        slots_gradient(loss_out, grad_W_out, grad_b_out, &g, <const real*> g.W)
    release(&arena)
    return FS_DONE


# ---------------------------------------------------------------------------------------------------------------------
# The border. Nothing is checked here but memory, and that the family serves the targets: shapes agree, no array is
# empty, labels are in [0, n_classes), families are those of FAMILIES.
# ---------------------------------------------------------------------------------------------------------------------

# How exact products must be; stripes of sparse features, and steps of features that no stripe cuts, at most; the names
# of the families, by their numbers.
EXACT, FAST, ROUGH = FS_EXACT, FS_FAST, FS_ROUGH
MAX_STRIPES, MAX_STEPS = FS_MAX_STRIPES, FS_MAX_STEPS
FAMILIES = tuple([fs_family_names[family].decode() for family in range(FS_N_FAMILIES)])


def loss_grad(double[:, ::1] grad_W_out, double[::1] grad_b_out, X, const real[::1] center, const real[:, :] W,
              const real[:] b, samples, int family, int precision, int num_threads):
    """Write the means over the samples of s_i ∂L_i/∂W and s_i ∂L_i/∂b and return that of s_i L_i: one pass over X.

    samples has the attributes labels (n_samples,), targets (n_samples, n_outputs), weight (n_samples,) and offset
    (n_samples, n_outputs), any of which may be None, but one of the first two; and parameter, the family's.
    """
    cdef:
        Features x = features_of[real](X, center)
        Parameters at = parameters_of[real](W, b)
        Samples parts = samples_of(samples, True, <real*> NULL)
        double loss = 0
    with nogil:
        check(gradient_pass(&loss, &grad_W_out[0, 0], &grad_b_out[0], &x, &at, NULL, &parts, family, precision,
                            num_threads, NULL, <real*> NULL))
    return loss


def gradient_tasks(Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_outputs, int num_threads):
    """Return how `loss_grad` of float32 and labels is cut for so many threads: a list of phases, each of which is
    shared by the threads and ends before the next begins, as the multiply-adds of its tasks in their order."""
    cdef Gradient g
    cdef Py_ssize_t task, block, stop, across, down
    memset(&g, 0, sizeof(g))
    g.X.n_samples = n_samples
    g.X.n_features = n_features
    g.samples.kind = FS_LABELS
    g.n_logits = n_outputs
    g.shape = cut(n_samples, n_features, n_outputs, n_outputs, lanes_of(<float*> NULL), sizeof(float), True)
    plan_gradient(&g, num_threads, <float*> NULL)
    if not g.wide:
        rows = g.shape.slot_rows
        return [[2 * n_features * n_outputs * (min((task + 1) * rows, n_samples) - task * rows)
                 for task in range(g.shape.n_slots)]]
    phases = []
    for block in range(0, n_samples, g.blocks.block_rows):
        stop = min(block + g.blocks.block_rows, n_samples)
        phases.append([n_features * n_outputs * (min(task + g.shape.tile_rows, stop) - task)
                       for task in range(block, stop, g.shape.tile_rows)])
        phases.append([(stop - block)
                       * (feature_start(&g.blocks, across + 1, n_features)
                          - feature_start(&g.blocks, across, n_features))
                       * (output_start(&g.blocks, down + 1, n_outputs) - output_start(&g.blocks, down, n_outputs))
                       for across in range(g.blocks.feature_stripes) for down in range(g.blocks.output_stripes)])
    return phases


def hess_vec(double[:, ::1] hess_W_out, double[::1] hess_b_out, X, const real[::1] center, const real[:, :] W,
             const real[:] b, const real[:, :] V, const real[:] v, const double[::1] mass, const real[:, :] offset,
             double of_family, int family, int precision, int num_threads):
    """Write the Hessian of the mean of s_i L_i times a direction (V, v): one pass over X.

    mass, (n_samples,) or None, is the factor of each sample: what its weight and its targets leave of them; of_family
    is the parameter of the family.
    """
    cdef:
        Features x = features_of[real](X, center)
        Parameters at = parameters_of[real](W, b), direction = parameters_of[real](V, v)
        Samples parts = parts_of[real](None, None, mass, offset, of_family)
        double loss = 0
    with nogil:
        check(gradient_pass(&loss, &hess_W_out[0, 0], &hess_b_out[0], &x, &at, &direction, &parts, family, precision,
                            num_threads, NULL, <real*> NULL))


def predict(real[:, :] out, X, const real[::1] center, const real[:, :] W, const real[:] b, bint mean, int family,
            int precision, int num_threads):
    """Write z = X Wᵀ + b, or the means of the targets that these give, (n_samples, n_outputs).

    Returns the sum of all logits: if it is finite, so is every one.
    """
    cdef:
        Features x = features_of[real](X, center)
        Parameters at = parameters_of[real](W, b)
        Matrix rows_out = matrix_of[real](out)
        double total = 0
    with nogil:
        check(predict_pass(&total, rows_out, &x, &at, NULL, family, mean, precision, num_threads, NULL, <real*> NULL))
    return total


def gram(real[:, :, ::1] out, X, const real[::1] center, const real[:, ::1] sample_weight, int precision,
         int num_threads):
    """Write Σ_i w_ci x_i x_iᵀ for every row w_c of weights, (n_weights, n_features, n_features): one pass over X."""
    cdef Features x = features_of[real](X, center)
    with nogil:
        check(gram_pass(&out[0, 0, 0], &x, &sample_weight[0, 0], sample_weight.shape[0], precision, num_threads))


def feature_sums(double[::1] out, X, const real[::1] center, const double[::1] sample_weight, bint squares,
                 int num_threads):
    """Write the means over the samples of s_i x_i, or of s_i x_i²: one pass over X."""
    cdef Features x = features_of[real](X, center)
    cdef const double* weight = pointer_of(sample_weight)
    with nogil:
        check(sums_pass(&out[0], &x, weight, squares, num_threads, <real*> NULL))


def csr_loss_grad(parameter[:, ::1] grad_W_out, double[::1] grad_b_out, const real[::1] values, indices,
                  const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] bounds, const double[::1] scale,
                  const parameter[:, ::1] W, const double[::1] b, samples, int family, int num_threads):
    """`loss_grad` of sparse samples: entries (values, indices) of sample i from indptr[i] on, features ascending.

    bounds cut the features into a power of two of parts, 8 or more, of about as many entries each. W is that of the
    features times scale, unless it is None; the gradient is not.
    """
    cdef:
        Csr X = csr_of[real](values, indices, indptr, bounds, scale, W.shape[1])
        CsrParameters at = csr_parameters_of(W, b)
        Samples parts = samples_of(samples, True, <real*> NULL)
        double loss = 0
    with nogil:
        check(csr_gradient_pass(&loss, &grad_W_out[0, 0], &grad_b_out[0], &X, &at, NULL, &parts, family,
                                num_threads, NULL, <real*> NULL))
    return loss


def csr_hess_vec(double[:, ::1] hess_W_out, double[::1] hess_b_out, const real[::1] values, indices,
                 const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] bounds, const double[::1] scale,
                 const double[:, ::1] W, const double[::1] b, const double[:, ::1] V, const double[::1] v,
                 const double[::1] mass, const real[:, :] offset, double of_family, int family, int num_threads):
    """`hess_vec` of sparse samples, in the direction (V, v)."""
    cdef:
        Csr X = csr_of[real](values, indices, indptr, bounds, scale, W.shape[1])
        CsrParameters at = csr_parameters_of(W, b), direction = csr_parameters_of(V, v)
        Samples parts = parts_of[real](None, None, mass, offset, of_family)
        double loss = 0
    with nogil:
        check(csr_gradient_pass(&loss, &hess_W_out[0, 0], &hess_b_out[0], &X, &at, &direction, &parts, family,
                                num_threads, NULL, <real*> NULL))


def csr_predict(real[:, :] out, const real[::1] values, indices, const Py_ssize_t[::1] indptr,
                const double[::1] scale, const parameter[:, ::1] W, const double[::1] b, bint mean, int family,
                int num_threads):
    """`predict` of sparse samples."""
    cdef:
        Csr X = csr_of[real](values, indices, indptr, None, scale, W.shape[1])
        CsrParameters at = csr_parameters_of(W, b)
        Matrix rows_out = matrix_of[real](out)
        double total = 0
    with nogil:
        check(csr_predict_pass(&total, rows_out, &X, &at, family, mean, num_threads, NULL, <real*> NULL))
    return total


def csr_dual_ascent(double[:, ::1] W_inout, double[::1] b_inout, real[:, ::1] q_inout, const real[::1] values, indices,
                    const Py_ssize_t[::1] indptr, const real[::1] square, const real[::1] step,
                    const Py_ssize_t[::1] order, bint intercept, int num_threads):
    """Coordinate ascent on the dual over the samples of `order`, one after the other; softmax alone has it.

    q, (n_samples, n_classes), are distributions that W and b are made of, b if intercept; square is ‖x_i‖², and one
    more if intercept, step s_i Σ_k y_ik/(n_samples · l2).
    """
    cdef:
        Csr X = csr_of[real](values, indices, indptr, None, None, W_inout.shape[1])
        Ascent ascent
    if not order.shape[0]:
        return
    ascent = Ascent(&W_inout[0, 0], &b_inout[0], &q_inout[0, 0], &square[0], &step[0], &order[0], order.shape[0],
                    W_inout.shape[0], intercept, 0, NULL, NULL)
    with nogil:
        check(dual_ascent(&ascent, &X, num_threads, <real*> NULL))


def csr_order(indices, const Py_ssize_t[::1] indptr, Py_ssize_t n_features):
    """Return the first sample with a feature outside [0, n_features), -1 if there is none, and whether features ascend
    in every sample, none coming twice; indptr never decreases, and ends within the indices."""
    cdef:
        Csr X = csr_of[double](None, indices, indptr, None, None, n_features)
        Py_ssize_t outside
        bint canonical
    with nogil:
        outside = first_outside(&canonical, &X)
    return outside, canonical


def softmax(real[:, :] out, const real[:, :] logits, bint log, int num_threads):
    """Write softmax, or log-softmax, of every row; out may be logits itself."""
    cdef Matrix rows_out = matrix_of[real](out), rows = matrix_of[real](logits)
    with nogil:
        check(mean_pass(rows_out, rows, logits.shape[0], logits.shape[1], FS_softmax, log, num_threads, NULL,
                        <real*> NULL))


def cross_entropy(real[:, :] residual_out, const real[:, :] logits, const real[:, :] direction, double step,
                  samples, int family, int num_threads, double factor=1):
    """Return the means over the samples of s_i L_i and s_i ⟨r_i, d_i⟩ at the logits z + t d; write factor · s_i r_i.

    residual_out and direction may be None; samples are those of `loss_grad`, whose offset the logits have already.
    """
    cdef:
        Matrix rows_out = matrix_of[real](residual_out)
        Line line = Line(matrix_of[real](logits), matrix_of[real](direction), step)
        Samples parts = samples_of(samples, False, <real*> NULL)
        double loss = 0, slope = 0
    with nogil:
        check(cross_entropy_pass(&loss, &slope, rows_out, line, &parts, factor, logits.shape[0], logits.shape[1],
                                 family, num_threads, NULL, <real*> NULL))
    return loss, slope


def cross_entropy_rows(double[::1] losses_out, real[:, :] grad_out, const real[:, :] logits, samples,
                       const real[::1] kept, const real[::1] share, double inverse_temperature, double scale,
                       int num_threads):
    """Write s_i L_i of every sample, L_i = -Σ_k q_ik log softmax(z_i / temperature)_k, and scale · s_i ∂L_i/∂z_i.

    q_ik = kept_k y_ik + share_k, or without share, which rows of targets need, kept_k y_ik. grad_out may be None, or
    logits itself. A sample of weight zero is not read. The loss is NaN where max_k z_ik is not finite, and where the
    gradient overflows: its row has no meaning then, but logits that are not finite stay as they are.
    """
    cdef:
        fs_cross_entropy of = fs_cross_entropy(&kept[0], NULL, inverse_temperature, logits.shape[1])
        Matrix rows_out = matrix_of[real](grad_out), rows = matrix_of[real](logits)
        Samples parts = samples_of(samples, False, <real*> NULL)
    if share is not None:
        of.share = &share[0]
    with nogil:
        check(cross_entropy_rows_pass(&losses_out[0], rows_out, rows, &parts, scale, of, logits.shape[0], num_threads,
                                      <real*> NULL))


def mean(real[:, :] out, const real[:, :] logits, int family, int num_threads):
    """Write the means of the targets that logits give; out may be logits itself."""
    cdef Matrix rows_out = matrix_of[real](out), rows = matrix_of[real](logits)
    with nogil:
        check(mean_pass(rows_out, rows, logits.shape[0], logits.shape[1], family, False, num_threads, NULL,
                        <real*> NULL))


def targets_of(int family):
    """Return which of the attributes "labels" and "targets" of samples a family serves."""
    kinds = (("labels", FS_LABELS), ("targets", FS_ROWS))
    return tuple([name for name, kind in kinds if family_of(<double*> NULL, family).residual[<int> kind] != NULL])


include "native/processor.pxi"
include "native/model.pxi"
include "native/measured.pxi"
include "native/vectors.pxi"
include "capi/passes.pxi"
include "capi/functions.pxi"
