/* The weighted Gram matrix Σ_i w_i x_i x_iᵀ of a tile, from WIDTH features at a time: as columns, a feature after the
 * other, and as a panel, a sample after the other. Included once for products in the data's own precision, and, where
 * the set has them, once for products of bfloat16, which are added in float32. */

/* WIDTH features of up to PANEL_DEPTH samples, zeros where there are fewer; past the vector that has the last feature
 * nothing is written but in pairs, which are read whole. */
static void GRAM_NAME(gram_pack)(real *columns_out, void *panel_out, const real *x, ptrdiff_t rows,
                                 ptrdiff_t features, ptrdiff_t ldx) {
    real copy[PANEL_DEPTH * WIDTH] __attribute__((aligned(VECTOR_BYTES)));
    real *panel = GRAM_IN_PAIRS ? copy : panel_out;
    const ptrdiff_t width = GRAM_IN_PAIRS ? WIDTH : (features + LANES - 1) / LANES * LANES;
    for (ptrdiff_t i = 0; i < PANEL_DEPTH; i++) {
        const ptrdiff_t there = i < rows ? features : 0;
        memcpy(panel + i * WIDTH, x + i * ldx, there * sizeof(real));
        memset(panel + i * WIDTH + there, 0, (width - there) * sizeof(real));
    }
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        for (ptrdiff_t i = 0; i < PANEL_DEPTH; i += LANES) {
            const real *row[LANES];
            for (int l = 0; l < LANES; l++) row[l] = panel + (i + l) * WIDTH + j;
            NAME(transpose)(columns_out + j * PANEL_DEPTH + i, row, PANEL_DEPTH);
        }
    }
#if GRAM_IN_PAIRS
    for (ptrdiff_t i = 0; i < PANEL_DEPTH; i += 2) {
        for (ptrdiff_t j = 0; j < WIDTH; j += LANES) {
            const vec even = load(panel + i * WIDTH + j), odd = load(panel + (i + 1) * WIDTH + j);
            _mm512_storeu_si512((int32_t *)panel_out + i / 2 * WIDTH + j, bf16_pairs(even, odd));
        }
    }
#endif
}

/* Samples that are summed from zero, in a register, before their sum is added to the others. Terms of one sign, or
 * equal ones, all lose by rounding in one direction: 64 of them in float32 1e-6 of the sum, 32 half of that. */
#define GRAM_CHAIN (GRAM_IN_PAIRS || sizeof(real) == sizeof(double) ? STEPS : STEPS / 2)

/* out (up to WIDTH rows, ldo apart) += Σ_i w_i column_i panel_iᵀ for the columns' own features and all that follow, in
 * panels next to each other: what is right of the diagonal, and what shares a vector with it. */
static void GRAM_NAME(gram_block)(real *out, const real *columns, const void *panels, const real *weight,
                                  ptrdiff_t rows, ptrdiff_t n_features, ptrdiff_t ldo) {
    real w[PANEL_DEPTH] = {0}, scaled[WIDTH * PANEL_DEPTH] __attribute__((aligned(VECTOR_BYTES)));
#if GRAM_IN_PAIRS && defined(__AMX_BF16__)
    const ptrdiff_t height = WIDTH; /* whole tiles; past the features, zeros */
#else
    const ptrdiff_t height = n_features < WIDTH ? n_features : WIDTH;
#endif
    memcpy(w, weight, rows * sizeof(real));
    for (ptrdiff_t j = 0; j < height; j++) {
        for (ptrdiff_t i = 0; i < PANEL_DEPTH; i += LANES) {
            store(scaled + j * PANEL_DEPTH + i, load(w + i) * load(columns + j * PANEL_DEPTH + i));
        }
    }
#if GRAM_IN_PAIRS
    int32_t pairs[WIDTH * PANEL_DEPTH / 2] __attribute__((aligned(VECTOR_BYTES)));
    for (ptrdiff_t i = 0; i < height * PANEL_DEPTH; i += 2 * LANES) {
        const __m512bh both = _mm512_cvtne2ps_pbh(load(scaled + i + LANES), load(scaled + i));
        _mm512_storeu_si512(pairs + i / 2, (__m512i)both);
    }
    const int32_t *a = pairs, *x = panels;
    enum { STEPS = PANEL_DEPTH / 2 };
#else
    const real *a = scaled, *x = panels;
    enum { STEPS = PANEL_DEPTH };
#endif
#if GRAM_IN_PAIRS && defined(__AMX_BF16__)
    amx_panels(out, a, x, (n_features + WIDTH - 1) / WIDTH, ldo, WIDTH);
#else
    fs_fetch none = fs_fetch_start(NULL, 0, 0);
    for (ptrdiff_t first = 0; first < n_features; first += WIDTH) {
        const ptrdiff_t width = n_features - first < WIDTH ? n_features - first : WIDTH;
        /* On the diagonal a vector's rows at a time, each group from its own vector on, if that fills the registers. */
        const ptrdiff_t step = first == 0 && LANES >= PANEL_CLASSES - 1 ? LANES : WIDTH;
        for (ptrdiff_t j = 0; j < height; j += step) {
            const ptrdiff_t left = first == 0 ? j : 0, vectors = (width - left + LANES - 1) / LANES;
            for (ptrdiff_t i = 0; i < STEPS; i += GRAM_CHAIN) {
                GRAM_PANEL(out + j * ldo + first + left, a + j * STEPS + i, x + first * PANEL_DEPTH + i * WIDTH + left,
                           &none, height - j < step ? height - j : step, vectors, (vectors - 1) * LANES, GRAM_CHAIN,
                           ldo, STEPS, WIDTH);
            }
        }
    }
#endif
}

#undef GRAM_CHAIN
#undef GRAM_PANEL
#undef GRAM_NAME
#undef GRAM_IN_PAIRS
