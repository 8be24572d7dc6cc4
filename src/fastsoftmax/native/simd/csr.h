/* The two products of sparse samples, whose entries (feature, value) lie one after the other: logits z = W x + b, and
 * gradient += r xᵀ. Both go over the classes, which lie next to each other for every feature, in W and in the gradient
 * transposed. A step of coordinate ascent on the dual is one of each. Included once for each kind of INDEX. */

/* Terms that are summed in a row, so that the sums of very long rows stay as exact as those of short ones. */
enum { CSR_NAME(TERMS) = 128 };

/* out_k = Σ_e v_e T_(j_e)k over the entries [start, stop), for `vectors` vectors of classes, the last of which starts
 * at last. */
INLINE void CSR_NAME(csr_dot)(real *out, const real *values, const INDEX *indices, ptrdiff_t start, ptrdiff_t stop,
                              const real *T, const int vectors, ptrdiff_t last, ptrdiff_t ldt) {
    vec total[CSR_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) total[v] = (vec){0};
    while (start < stop) {
        const ptrdiff_t pause = stop - start > CSR_NAME(TERMS) ? start + CSR_NAME(TERMS) : stop;
        vec sum[CSR_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = (vec){0};
        for (; start < pause; start++) {
            const real *row = T + indices[start] * ldt, value = values[start];
            UNROLL for (int v = 0; v < vectors; v++) sum[v] += value * load(row + (v < vectors - 1 ? v * LANES : last));
        }
        UNROLL for (int v = 0; v < vectors; v++) total[v] += sum[v];
    }
    UNROLL for (int v = 0; v < vectors; v++) store(out + (v < vectors - 1 ? v * LANES : last), total[v]);
}

/* The same for up to CSR_VECTORS vectors of classes. The last vector ends where the classes do, for no memory to be
 * read that is not needed. */
INLINE void CSR_NAME(csr_sums)(real *out, const real *values, const INDEX *indices, ptrdiff_t start, ptrdiff_t stop,
                               const real *T, ptrdiff_t classes, ptrdiff_t ldt) {
    const ptrdiff_t vectors = (classes + LANES - 1) / LANES, last = classes > LANES ? classes - LANES : 0;
#define CASE(V)                                                                                                       \
    case V:                                                                                                           \
        CSR_NAME(csr_dot)(out, values, indices, start, stop, T, V, last, ldt);                                        \
        break;
    switch (vectors) { CASE(1) CASE(2) CASE(3) CASE(4) }
#undef CASE
}

static void CSR_NAME(csr_logits)(const fs_tile *tile, const real *values, const void *indices, const ptrdiff_t *indptr,
                                 const real *T, const real *b, ptrdiff_t ldt) {
    real *const z_out = tile->z;
    const ptrdiff_t rows = tile->rows, n_classes = tile->n_logits, ldz = tile->ldz;
    real sum[CSR_VECTORS * LANES + LANES];
    for (ptrdiff_t first = 0; first < n_classes; first += CSR_VECTORS * LANES) {
        const ptrdiff_t classes = n_classes - first < CSR_VECTORS * LANES ? n_classes - first : CSR_VECTORS * LANES;
        for (ptrdiff_t i = 0; i < rows; i++) {
            CSR_NAME(csr_sums)(sum, values, indices, indptr[i], indptr[i + 1], T + first, classes, ldt);
            for (ptrdiff_t k = 0; k < classes; k++) z_out[(first + k) * ldz + i] = b[first + k] + sum[k];
        }
    }
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        for (ptrdiff_t i = rows; i % LANES; i++) z_out[k * ldz + i] = b[k];
    }
}

/* out_(j_e)k += v_e r_k over the entries [start, stop), for `fours` times four classes: wider vectors are no faster
 * where every one that is read is also written. */
#define CSR_ADD(operation, sum, quad, loose)                                                                          \
    INLINE void CSR_NAME(operation)(sum *out, const real *values, const INDEX *indices, ptrdiff_t start,              \
                                    ptrdiff_t stop, const real *r, const int fours, ptrdiff_t ldo) {                  \
        quad factor[CSR_FOURS];                                                                                       \
        UNROLL for (int f = 0; f < fours; f++) {                                                                      \
            factor[f] = __builtin_convertvector(*(const NAME(four) *)(r + 4 * f), quad);                              \
        }                                                                                                             \
        for (; start < stop; start++) {                                                                               \
            sum *row = out + indices[start] * ldo;                                                                    \
            const sum value = values[start];                                                                          \
            UNROLL for (int f = 0; f < fours; f++) *(loose *)(row + 4 * f) += value * factor[f];                      \
        }                                                                                                             \
    }
CSR_ADD(csr_add, double, fs_four, fs_four_loose)
CSR_ADD(csr_add_to_parameters, real, NAME(four), NAME(four))
#undef CSR_ADD

/* The same for rows of ldo classes, a multiple of four. */
#define CSR_ADD_ROW(add, out, values, indices, start, stop, r, ldo)                                                   \
    for (ptrdiff_t k = 0; start < stop && k < ldo; k += 4 * CSR_FOURS) {                                              \
        const ptrdiff_t fours = ldo - k < 4 * CSR_FOURS ? (ldo - k) / 4 : CSR_FOURS;                                  \
        switch (fours) {                                                                                              \
            CSR_ADD_CASE(add, 1, out + k, values, indices, start, stop, r + k, ldo)                                   \
            CSR_ADD_CASE(add, 2, out + k, values, indices, start, stop, r + k, ldo)                                   \
            CSR_ADD_CASE(add, 3, out + k, values, indices, start, stop, r + k, ldo)                                   \
            CSR_ADD_CASE(add, 4, out + k, values, indices, start, stop, r + k, ldo)                                   \
            CSR_ADD_CASE(add, 5, out + k, values, indices, start, stop, r + k, ldo)                                   \
            CSR_ADD_CASE(add, 6, out + k, values, indices, start, stop, r + k, ldo)                                   \
        }                                                                                                             \
    }
#define CSR_ADD_CASE(add, F, out, values, indices, start, stop, r, ldo)                                               \
    case F:                                                                                                           \
        CSR_NAME(add)(out, values, indices, start, stop, r, F, ldo);                                                  \
        break;

static void CSR_NAME(csr_gradient)(double *grad_inout, const real *values, const void *indices, const ptrdiff_t *indptr,
                                   const int32_t *starts, const int32_t *stops, const real *residual, ptrdiff_t rows,
                                   ptrdiff_t ldr) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const ptrdiff_t start = indptr[i] + starts[i], stop = indptr[i] + stops[i];
        if (i + CSR_AHEAD < rows) {
            const ptrdiff_t from = indptr[i + CSR_AHEAD] + starts[i + CSR_AHEAD];
            const ptrdiff_t to = indptr[i + CSR_AHEAD] + stops[i + CSR_AHEAD];
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(INDEX)) __builtin_prefetch((const INDEX *)indices + e);
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(real)) __builtin_prefetch(values + e);
        }
        CSR_ADD_ROW(csr_add, grad_inout, values, indices, start, stop, (residual + i * ldr), ldr)
    }
}

/* The logits without the sample's own part, the q that is right for them, and what that changes in T. */
static void CSR_NAME(csr_dual_step)(real *T_inout, double *b_inout, real *q_inout, real *scratch, const real *values,
                                    const void *indices, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t next, ptrdiff_t end,
                                    real square, real step, int intercept, ptrdiff_t n_classes, ptrdiff_t ldt) {
    /* Whole vectors, and whole fours. */
    const ptrdiff_t unit = LANES > 4 ? LANES : 4, n = (n_classes + unit - 1) / unit * unit;
    real *z = scratch, *q = z + n, *q0 = q + n, *log_q = q0 + n;
    for (; next < end; next++) {
        const real *row = T_inout + ((const INDEX *)indices)[next] * ldt;
        __builtin_prefetch(row, 1, 2);
        __builtin_prefetch(row + ldt - 1, 1, 2);
    }
    for (ptrdiff_t k = 0; k < n_classes; k += CSR_VECTORS * LANES) {
        const ptrdiff_t classes = n_classes - k < CSR_VECTORS * LANES ? n_classes - k : CSR_VECTORS * LANES;
        CSR_NAME(csr_sums)(z + k, values, indices, start, stop, T_inout + k, classes, ldt);
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        z[k] = k < n_classes ? z[k] + (real)b_inout[k] : NAME(DUAL_NOWHERE);
        q[k] = q0[k] = k < n_classes ? q_inout[k] : 0;
    }
    NAME(dual_sample)(q, log_q, q0, z, step * square, n);
    /* What q loses, W gains. */
    for (ptrdiff_t k = 0; k < n; k++) log_q[k] = k < n_classes ? step * (q0[k] - q[k]) : 0;
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        q_inout[k] = q[k];
        b_inout[k] += intercept ? log_q[k] : 0;
    }
    CSR_ADD_ROW(csr_add_to_parameters, T_inout, values, indices, start, stop, log_q, ldt)
}

#undef CSR_ADD_ROW
#undef CSR_ADD_CASE
#undef INDEX
#undef CSR_NAME
