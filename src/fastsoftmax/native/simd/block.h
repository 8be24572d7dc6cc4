/* The innermost product, of which all others of many operations are made: a block of sums that stay in registers.
 * Included once for every kind of element and size of block, BLOCK_ROWS x BLOCK_VECTORS vectors: a real times samples
 * as they are stored, or a pair of bfloat16 that one instruction multiplies and adds. BLOCK_STEP is what else every step
 * does with its vectors of x and with a BLOCK_FETCH: bring memory to the cache, keep a copy. BLOCK_SCOPE is INLINE, or
 * APART if the function around is so large that addresses would not stay in registers. */

/* out_kv += Σ_i a_ki x_iv for `rows` rows of a and `vectors` vectors v of x, the last of which starts at x + last. */
INLINE void BLOCK_NAME(sized_block)(real *out, const BLOCK_ELEMENT *a, const BLOCK_SAMPLE *x, BLOCK_FETCH *fetch,
                                    const int rows, const int vectors, ptrdiff_t last, ptrdiff_t inner, ptrdiff_t ldo,
                                    ptrdiff_t lda, ptrdiff_t ldx) {
    vec sum[BLOCK_ROWS][BLOCK_VECTORS];
    BLOCK_FETCH state = *fetch; /* in registers, whatever memory the loop writes to */
    UNROLL for (int k = 0; k < rows; k++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sum[k][v] = (vec){0};
            __builtin_prefetch(out + k * ldo + v * LANES, 1);
        }
    }
    for (ptrdiff_t i = 0; i < inner; i++) {
        BLOCK_VECTOR sample[BLOCK_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            sample[v] = BLOCK_LOAD(x + i * ldx + (v < vectors - 1 ? v * LANES : last));
            KEEP(sample[v]);
        }
        BLOCK_STEP(&state, sample, vectors);
        UNROLL for (int k = 0; k < rows; k++) {
            const BLOCK_ELEMENT a_ki = a[k * lda + i];
            UNROLL for (int v = 0; v < vectors; v++) sum[k][v] = BLOCK_MULTIPLY_ADD(sum[k][v], a_ki, sample[v]);
        }
    }
    *fetch = state;
    /* Added at the end: the sums of a tile stay small beside those of many, which keeps their rounding small. */
    UNROLL for (int k = 0; k < rows; k++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            real *o = out + k * ldo + v * LANES;
            store(o, load(o) + sum[k][v]);
        }
    }
}

/* The same, for sizes that are known when it runs. */
BLOCK_SCOPE void BLOCK_NAME(block)(real *out, const BLOCK_ELEMENT *a, const BLOCK_SAMPLE *x, BLOCK_FETCH *fetch,
                              ptrdiff_t rows, ptrdiff_t vectors, ptrdiff_t last, ptrdiff_t inner, ptrdiff_t ldo,
                              ptrdiff_t lda, ptrdiff_t ldx) {
#define CASE(R, V)                                                                                                    \
    case 10 * R + V:                                                                                                  \
        BLOCK_NAME(sized_block)(out, a, x, fetch, R, V, last, inner, ldo, lda, ldx);                                  \
        break;
#if BLOCK_VECTORS == 2
#define CASES(R) CASE(R, 1) CASE(R, 2)
#elif BLOCK_VECTORS == 3
#define CASES(R) CASE(R, 1) CASE(R, 2) CASE(R, 3)
#else
#define CASES(R) CASE(R, 1) CASE(R, 2) CASE(R, 3) CASE(R, 4)
#endif
    switch (10 * rows + vectors) {
        CASES(1) CASES(2) CASES(3) CASES(4)
#if BLOCK_ROWS > 4
        CASES(5)
#endif
#if BLOCK_ROWS > 5
        CASES(6)
#endif
#if BLOCK_ROWS > 6
        CASES(7) CASES(8)
#endif
    }
#undef CASES
#undef CASE
}

#undef BLOCK_NAME
#undef BLOCK_ROWS
#undef BLOCK_VECTORS
#undef BLOCK_ELEMENT
#undef BLOCK_SAMPLE
#undef BLOCK_VECTOR
#undef BLOCK_LOAD
#undef BLOCK_MULTIPLY_ADD
#undef BLOCK_STEP
#undef BLOCK_FETCH
#undef BLOCK_SCOPE
