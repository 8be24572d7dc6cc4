/* Samples as they are stored, made into a tile of `real`: rows of the tile are contiguous, and zero past their
 * features. Included once for every kind of element that is stored: STORED, with VALUE(e) an element as a number. */

/* x_ij = VALUE(stored_ij) - center_j */
static void STORED_NAME(widen)(real *x_out, const void *stored, const real *center, ptrdiff_t rows,
                               ptrdiff_t n_features, ptrdiff_t row, ptrdiff_t column, ptrdiff_t ldx) {
    const STORED *s = stored;
    ptrdiff_t done = 0; /* samples */
    if (column == 1) {
        for (; done < rows; done++) {
            const STORED *from = s + done * row;
            real *x = x_out + done * ldx;
            ptrdiff_t j = 0;
#ifdef VALUES
            for (; j + LANES <= n_features; j += LANES) store(x + j, VALUES(from + j) - load(center + j));
#endif
            for (; j < n_features; j++) x[j] = VALUE(from[j]) - center[j];
        }
    } else if (row == 1) {
        /* Samples next to each other: read along them, and turn blocks of LANES x LANES around. The last block ends
         * with the features. Their columns are far apart, so that no processor guesses what comes next. */
        done = rows / LANES * LANES;
        for (ptrdiff_t f = 0; f < n_features; f += LANES) {
            const ptrdiff_t first = f + LANES <= n_features ? f : n_features > LANES ? n_features - LANES : 0;
            for (ptrdiff_t j = f + LANES; j < f + 2 * LANES && j < n_features; j++) {
                for (ptrdiff_t i = 0; i < done; i += 64 / sizeof(STORED)) __builtin_prefetch(s + j * column + i);
            }
            for (ptrdiff_t i = 0; i < done; i += LANES) {
                real block[LANES * LANES] __attribute__((aligned(VECTOR_BYTES)));
                const real *line[LANES];
                for (ptrdiff_t j = 0; j < LANES; j++) {
                    const ptrdiff_t feature = first + j < n_features ? first + j : n_features - 1;
                    const STORED *from = s + feature * column + i;
                    for (ptrdiff_t l = 0; l < LANES; l++) block[j * LANES + l] = VALUE(from[l]) - center[feature];
                    line[j] = block + j * LANES;
                }
                NAME(transpose)(x_out + i * ldx + first, line, ldx);
            }
        }
    }
    for (ptrdiff_t i = done; i < rows; i++) {
        for (ptrdiff_t j = 0; j < n_features; j++) x_out[i * ldx + j] = VALUE(s[i * row + j * column]) - center[j];
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = n_features; j < ldx; j++) x_out[i * ldx + j] = 0;
    }
}

#undef STORED
#undef STORED_NAME
#undef VALUE
#undef VALUES
