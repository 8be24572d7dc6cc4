/* The product of many rows with a panel, PANEL_VECTORS vectors wide: what a matrix product is made of. Included once
 * for every kind of element: a real, times samples as they are stored, or a pair of bfloat16 that one instruction
 * multiplies and adds. */
/* out_kv += Σ_i a_ki x_iv for `classes` rows of a and `vectors` vectors v of x, the last of which starts at x + last.
 * The sums stay in registers. */
INLINE void PANEL_NAME(panel_block)(real *out, const PANEL_ELEMENT *a, const PANEL_SAMPLE *x, fs_fetch *fetch,
                                    const int classes, const int vectors, ptrdiff_t last, ptrdiff_t inner,
                                    ptrdiff_t ldo, ptrdiff_t lda, ptrdiff_t ldx) {
    vec sum[PANEL_CLASSES][PANEL_VECTORS];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sum[k][v] = (vec){0};
            __builtin_prefetch(out + k * ldo + v * LANES, 1);
        }
    }
    for (ptrdiff_t i = 0; i < inner; i++) {
        PANEL_VECTOR sample[PANEL_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            sample[v] = PANEL_LOAD(x + i * ldx + (v < vectors - 1 ? v * LANES : last));
            KEEP(sample[v]);
        }
        fs_fetch_step(fetch);
        UNROLL for (int k = 0; k < classes; k++) {
            const PANEL_ELEMENT a_ki = a[k * lda + i];
            UNROLL for (int v = 0; v < vectors; v++) sum[k][v] = PANEL_MULTIPLY_ADD(sum[k][v], a_ki, sample[v]);
        }
    }
    /* Added at the end: the sums of a tile stay small beside those of many, which keeps their rounding small. */
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            real *o = out + k * ldo + v * LANES;
            store(o, load(o) + sum[k][v]);
        }
    }
}

/* The same for all of n_classes. */
INLINE void PANEL_NAME(panel)(real *out, const PANEL_ELEMENT *a, const PANEL_SAMPLE *x, fs_fetch *fetch,
                              ptrdiff_t n_classes, ptrdiff_t vectors, ptrdiff_t last, ptrdiff_t inner, ptrdiff_t ldo,
                              ptrdiff_t lda, ptrdiff_t ldx) {
    const ptrdiff_t n_blocks = (n_classes + PANEL_CLASSES - 1) / PANEL_CLASSES;
    for (ptrdiff_t block = 0; block < n_blocks; block++) {
        const ptrdiff_t k = block * n_classes / n_blocks, classes = (block + 1) * n_classes / n_blocks - k;
        fs_fetch_block(fetch, block);
        /* Of many classes a does not fit a near cache: the next block's is fetched during this one. */
        const ptrdiff_t ahead = n_classes >= FS_MANY_CLASSES ? k + classes + PANEL_CLASSES : 0;
        for (ptrdiff_t next = k + classes; next < ahead && next < n_classes; next++) {
            for (ptrdiff_t i = 0; i < inner; i += VECTOR_BYTES / sizeof(*a)) __builtin_prefetch(a + next * lda + i);
        }
#define CASE(C, V)                                                                                                    \
    case 10 * C + V:                                                                                                  \
        PANEL_NAME(panel_block)(out + k * ldo, a + k * lda, x, fetch, C, V, last, inner, ldo, lda, ldx);              \
        break;
        switch (10 * classes + vectors) {
            CASE(1, 1) CASE(1, 2) CASE(1, 3)
            CASE(2, 1) CASE(2, 2) CASE(2, 3)
            CASE(3, 1) CASE(3, 2) CASE(3, 3)
            CASE(4, 1) CASE(4, 2) CASE(4, 3)
#if PANEL_CLASSES > 4
            CASE(5, 1) CASE(5, 2) CASE(5, 3)
            CASE(1, 4) CASE(2, 4) CASE(3, 4) CASE(4, 4) CASE(5, 4)
#endif
        }
#undef CASE
    }
}

#undef PANEL_NAME
#undef PANEL_ELEMENT
#undef PANEL_SAMPLE
#undef PANEL_VECTOR
#undef PANEL_LOAD
#undef PANEL_MULTIPLY_ADD
