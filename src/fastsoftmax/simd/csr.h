/* The two products of sparse samples, whose entries (feature, value) lie one after the other: logits z = W x + b, and
 * gradient += r xᵀ. Both go over the classes, which lie next to each other for every feature, in W and in the gradient
 * transposed. Included once for each kind of INDEX. */

/* Terms that are summed in a row, so that the sums of very long rows stay as exact as those of short ones. */
enum { CSR_NAME(TERMS) = 128 };

/* out_k = Σ_e v_e T_(j_e)k over the entries [start, stop), for `vectors` vectors of classes, the last of which starts at
 * last. */
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

static void CSR_NAME(csr_logits)(real *z_out, const real *values, const void *indices, const ptrdiff_t *indptr,
                                 const real *T, const real *b, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldt,
                                 ptrdiff_t ldz) {
    real sum[CSR_VECTORS * LANES + LANES];
    for (ptrdiff_t first = 0; first < n_classes; first += CSR_VECTORS * LANES) {
        const ptrdiff_t classes = n_classes - first < CSR_VECTORS * LANES ? n_classes - first : CSR_VECTORS * LANES;
        const ptrdiff_t vectors = (classes + LANES - 1) / LANES;
        /* The last vector ends where the classes do, for no memory to be read that is not needed. */
        const ptrdiff_t last = classes > LANES ? classes - LANES : 0;
        for (ptrdiff_t i = 0; i < rows; i++) {
#define CASE(V)                                                                                                       \
    case V:                                                                                                           \
        CSR_NAME(csr_dot)(sum, values, indices, indptr[i], indptr[i + 1], T + first, V, last, ldt);                   \
        break;
            switch (vectors) { CASE(1) CASE(2) CASE(3) CASE(4) }
#undef CASE
            for (ptrdiff_t k = 0; k < classes; k++) z_out[(first + k) * ldz + i] = b[first + k] + sum[k];
        }
    }
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        for (ptrdiff_t i = rows; i % LANES; i++) z_out[k * ldz + i] = b[k];
    }
}

/* grad_(j_e)k += v_e r_k over the entries [start, stop), for `vectors` vectors of classes and, after them, `quads` of
 * four. */
INLINE void CSR_NAME(csr_add)(double *grad, const real *values, const INDEX *indices, ptrdiff_t start, ptrdiff_t stop,
                              const real *r, const int vectors, const int quads, ptrdiff_t ldg) {
    typedef double wide __attribute__((vector_size(VECTOR_BYTES)));
    typedef double wide_loose __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
    typedef double four __attribute__((vector_size(32)));
    typedef double four_loose __attribute__((vector_size(32), aligned(8), may_alias));
    enum { WIDE = VECTOR_BYTES / 8 };
    wide factor[CSR_VECTORS];
    four tail = {0};
    UNROLL for (int v = 0; v < vectors; v++) {
        UNROLL for (int l = 0; l < WIDE; l++) factor[v][l] = r[v * WIDE + l];
    }
    if (quads) {
        UNROLL for (int l = 0; l < 4; l++) tail[l] = r[vectors * WIDE + l];
    }
    for (; start < stop; start++) {
        double *row = grad + indices[start] * ldg;
        const double value = values[start];
        UNROLL for (int v = 0; v < vectors; v++) *(wide_loose *)(row + v * WIDE) += value * factor[v];
        if (quads) *(four_loose *)(row + vectors * WIDE) += value * tail;
    }
}

static void CSR_NAME(csr_gradient)(double *grad_inout, const real *values, const void *indices, const ptrdiff_t *indptr,
                                   const int32_t *starts, const int32_t *stops, const real *residual, ptrdiff_t rows,
                                   ptrdiff_t n_classes, ptrdiff_t ldr) {
    enum { WIDE = VECTOR_BYTES / 8 };
    for (ptrdiff_t i = 0; i < rows; i++) {
        const ptrdiff_t start = indptr[i] + starts[i], stop = indptr[i] + stops[i];
        if (i + CSR_AHEAD < rows) {
            const ptrdiff_t from = indptr[i + CSR_AHEAD] + starts[i + CSR_AHEAD];
            const ptrdiff_t to = indptr[i + CSR_AHEAD] + stops[i + CSR_AHEAD];
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(INDEX)) __builtin_prefetch((const INDEX *)indices + e);
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(real)) __builtin_prefetch(values + e);
        }
        for (ptrdiff_t k = 0; start < stop && k < n_classes; k += CSR_VECTORS * WIDE) {
            const ptrdiff_t classes = ldr - k < CSR_VECTORS * WIDE ? ldr - k : CSR_VECTORS * WIDE;
#define CASE(V, Q)                                                                                                    \
    case 2 * V + Q:                                                                                                   \
        CSR_NAME(csr_add)(grad_inout + k, values, indices, start, stop, residual + i * ldr + k, V, Q, ldr);           \
        break;
            switch (2 * (classes / WIDE) + (classes % WIDE != 0)) {
                CASE(0, 1) CASE(1, 0) CASE(1, 1) CASE(2, 0) CASE(2, 1) CASE(3, 0) CASE(3, 1) CASE(4, 0)
            }
#undef CASE
        }
    }
}

#undef INDEX
#undef CSR_NAME
