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

/* grad_(j_e)k += v_e r_k over the entries [start, stop), for `fours` times four classes: wider vectors are no faster where
 * every one that is read is also written. */
INLINE void CSR_NAME(csr_add)(double *grad, const real *values, const INDEX *indices, ptrdiff_t start, ptrdiff_t stop,
                              const real *r, const int fours, ptrdiff_t ldg) {
    fs_four factor[CSR_FOURS];
    UNROLL for (int f = 0; f < fours; f++) {
        factor[f] = __builtin_convertvector(*(const NAME(four) *)(r + 4 * f), fs_four);
    }
    for (; start < stop; start++) {
        double *row = grad + indices[start] * ldg;
        const double value = values[start];
        UNROLL for (int f = 0; f < fours; f++) *(fs_four_loose *)(row + 4 * f) += value * factor[f];
    }
}

static void CSR_NAME(csr_gradient)(double *grad_inout, const real *values, const void *indices, const ptrdiff_t *indptr,
                                   const int32_t *starts, const int32_t *stops, const real *residual, ptrdiff_t rows,
                                   ptrdiff_t n_classes, ptrdiff_t ldr) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        const ptrdiff_t start = indptr[i] + starts[i], stop = indptr[i] + stops[i];
        if (i + CSR_AHEAD < rows) {
            const ptrdiff_t from = indptr[i + CSR_AHEAD] + starts[i + CSR_AHEAD];
            const ptrdiff_t to = indptr[i + CSR_AHEAD] + stops[i + CSR_AHEAD];
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(INDEX)) __builtin_prefetch((const INDEX *)indices + e);
            for (ptrdiff_t e = from; e < to; e += 64 / sizeof(real)) __builtin_prefetch(values + e);
        }
        for (ptrdiff_t k = 0; start < stop && k < n_classes; k += 4 * CSR_FOURS) {
            const ptrdiff_t fours = ldr - k < 4 * CSR_FOURS ? (ldr - k) / 4 : CSR_FOURS;
#define CASE(F)                                                                                                       \
    case F:                                                                                                           \
        CSR_NAME(csr_add)(grad_inout + k, values, indices, start, stop, residual + i * ldr + k, F, ldr);              \
        break;
            switch (fours) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
#undef CASE
        }
    }
}

#undef INDEX
#undef CSR_NAME
