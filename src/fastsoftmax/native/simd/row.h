/* One sample with the weights as a tile has them: the lanes of a vector are features. */

enum { NAME(ROW_CLASSES) = 4 }; /* outputs whose sums are in registers together: as many chains of additions */

/* z_k = Σ_j W_kj x_j + b_k. W is packed as for tile_logits, but not fewer features than a vector has. */
static void NAME(row_logits)(void *z_out, const void *x, const void *W, const void *b, ptrdiff_t n_outputs,
                             ptrdiff_t n_features) {
    enum { CLASSES = NAME(ROW_CLASSES) };
    real few[LANES] = {0}, *const z = z_out;
    const real *sample = x;
    if (n_features < LANES) {
        memcpy(few, x, n_features * sizeof(real));
        sample = few;
        n_features = LANES;
    }
    const ptrdiff_t width = (n_features + LANES - 1) / LANES * LANES, last = width - LANES;
    for (ptrdiff_t k = 0; k < n_outputs; k += CLASSES) {
        const ptrdiff_t classes = n_outputs - k < CLASSES ? n_outputs - k : CLASSES;
        const real *row[CLASSES];
        vec sum[CLASSES];
        real total[CLASSES] = {0};
        UNROLL for (int c = 0; c < CLASSES; c++) {
            row[c] = (const real *)W + (c < classes ? k + c : n_outputs - 1) * width;
            sum[c] = (vec){0};
        }
        for (ptrdiff_t j = 0; j < last; j += LANES) {
            const vec x_j = load(sample + j);
            UNROLL for (int c = 0; c < CLASSES; c++) sum[c] += load(row[c] + j) * x_j;
        }
        const vec x_j = load(sample + n_features - LANES);
        UNROLL for (int c = 0; c < CLASSES; c++) sum[c] += load(row[c] + last) * x_j;
        NAME(sum_lanes)(total, sum);
        for (ptrdiff_t c = 0; c < classes; c++) z[k + c] = total[c] + ((const real *)b)[k + c];
    }
}
