/* What row functions are made of. On a tile of logits the lanes of a vector are samples, and loops run over outputs. */

/* exp(x) for x <= 0, or NaN: 2^n exp(r) with n = round(x / ln 2), r = x - n ln 2 (Cody & Waite's two-part ln 2), exp(r)
 * by its series. */
INLINE vec NAME(exp)(vec x) {
    static const real inverse_factorial[14] = {
        1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
    };
    /* NaN stays NaN. */
    x = NAME(maximum)((vec){0} + EXP_LOWEST, x);
    const vec magic = (vec){0} + ROUND_MAGIC;
    const vec shifted = x * (real)1.44269504088896340736 + magic;
    const vec n = shifted - magic;
    const ivec n_bits = (ivec)shifted - (ivec)magic;
    const vec r = (x - n * LN2_HIGH) - n * LN2_LOW;
    vec p = (vec){0} + inverse_factorial[EXP_TERMS];
    UNROLL for (int term = EXP_TERMS - 1; term >= 0; term--) p = p * r + inverse_factorial[term];
    return NAME(times_power_of_two)(p, n, n_bits);
}

/* log t for a normal t > 0: with m = t / 2^n in [√½, √2), log t = n ln 2 + log m and log m = 2 atanh(s),
 * s = (m - 1) / (m + 1). */
INLINE vec NAME(log_normal)(vec t) {
    static const real inverse_odd[11] = {
        1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
        1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21,
    };
    const vec one = (vec){0} + 1, root_half = (vec){0} + (real)0.70710678118654752440;
    const ivec n_bits = ((ivec)t - (ivec)root_half) >> MANTISSA_BITS;
    const vec m = (vec)((ivec)t - (n_bits << MANTISSA_BITS));
    const vec n = (vec)(n_bits + (ivec)((vec){0} + ROUND_MAGIC)) - ROUND_MAGIC;
    const vec s = (m - one) / (m + one);
    const vec s2 = s * s;
    vec p = (vec){0} + inverse_odd[LOG_TERMS];
    UNROLL for (int term = LOG_TERMS - 1; term >= 0; term--) p = p * s2 + inverse_odd[term];
    return n * LN2_HIGH + (n * LN2_LOW + 2 * s * p);
}

/* log(1 + u) for u > -1, to all digits for small u: with t = 1 + u rounded, what rounding took from t comes back as
 * (u - (t - 1)) / t. */
INLINE vec NAME(log1p)(vec u) {
    const vec one = (vec){0} + 1, t = u + one, log_t = NAME(log_normal)(t);
    /* u - u is 0, or NaN where u is NaN or infinite. */
    return log_t + (u - (t - one)) / t + (u - u);
}

/* The sum of the lanes. */
INLINE double NAME(total)(dvec v) {
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += v[l];
    return sum;
}

/* The elements in float64, in which all sums over the samples of a pass are kept. */
INLINE dvec NAME(as_double)(vec v) { return __builtin_convertvector(v, dvec); }

/* A sum over the classes is one of blocks of SUM_CLASSES. Those after the first are added with what rounding has lost
 * (Kahan, Communications of the ACM 8, 1965): the sum of a hundred thousand classes is as exact as that of some. */
INLINE void NAME(add_block)(vec *total, vec *lost, vec block) {
    const vec term = block - *lost, sum = *total + term;
    *lost = (sum - *total) - term;
    *total = sum;
}

INLINE ptrdiff_t NAME(block_end)(ptrdiff_t first, ptrdiff_t n_classes) {
    return n_classes - first < SUM_CLASSES ? n_classes : first + SUM_CLASSES;
}

/* w_i of a vector of samples: zero past the last one. */
INLINE vec NAME(weights)(const double *sample_weight, ptrdiff_t i, ptrdiff_t rows) {
    real w[LANES];
    const ptrdiff_t count = rows - i < LANES ? rows - i : LANES;
    if (count == LANES && sample_weight == NULL) return (vec){0} + 1;
    for (int l = 0; l < LANES; l++) w[l] = l >= count ? 0 : sample_weight != NULL ? (real)sample_weight[i + l] : 1;
    return load(w);
}

/* y_i of a vector of samples: of class 0 past the last one. */
INLINE ivec NAME(labels)(const ptrdiff_t *labels, ptrdiff_t i, ptrdiff_t rows) {
    if (rows - i >= LANES) return __builtin_convertvector(*(const NAME(lvec) *)(labels + i), ivec);
    ivec y = {0};
    for (ptrdiff_t l = 0; l < rows - i; l++) y[l] = (integer)labels[i + l];
    return y;
}

/* sum_k += Σ_i z_ik */
static void NAME(sum_samples)(double *sum_inout, const real *z, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz) {
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        vec sum = {0};
        for (ptrdiff_t i = 0; i < rows; i += LANES) sum += load(z + k * ldz + i);
        sum_inout[k] += NAME(total)(NAME(as_double)(sum));
    }
}
