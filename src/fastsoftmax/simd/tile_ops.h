/* The operations on a tile, for one dtype: included by isa.c once as float and once as double, which are the
 * macros undefined at the end. */

typedef real NAME(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef real NAME(loose) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef integer NAME(ivec) __attribute__((vector_size(VECTOR_BYTES)));
#define vec NAME(vec)
#define ivec NAME(ivec)
#define load(p) (*(const NAME(loose) *)(p))
#define store(p, v) (*(NAME(loose) *)(p) = (v))

/* out[0..3] = bias + the sums of the lanes of four vectors. Adding neighbours of two vectors at a time keeps every lane
 * busy: 13 instructions for 16 lanes, where four separate sums would take 32. */
INLINE void NAME(sum_lanes)(real *out, const vec v[4], real bias) {
#if LANES == 2
    vec ab = SHUFFLE2(v[0], v[1], 0, 2) + SHUFFLE2(v[0], v[1], 1, 3);
    vec cd = SHUFFLE2(v[2], v[3], 0, 2) + SHUFFLE2(v[2], v[3], 1, 3);
    store(out, ab + bias);
    store(out + 2, cd + bias);
#elif LANES == 4
    vec ab = SHUFFLE2(v[0], v[1], 0, 4, 2, 6) + SHUFFLE2(v[0], v[1], 1, 5, 3, 7);
    vec cd = SHUFFLE2(v[2], v[3], 0, 4, 2, 6) + SHUFFLE2(v[2], v[3], 1, 5, 3, 7);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 4, 5) + SHUFFLE2(ab, cd, 2, 3, 6, 7);
    store(out, abcd + bias);
#elif LANES == 8
    vec ab = SHUFFLE2(v[0], v[1], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE2(v[0], v[1], 1, 9, 3, 11, 5, 13, 7, 15);
    vec cd = SHUFFLE2(v[2], v[3], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE2(v[2], v[3], 1, 9, 3, 11, 5, 13, 7, 15);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE2(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    abcd += SHUFFLE2(abcd, abcd, 4, 5, 6, 7, 0, 1, 2, 3);
    abcd += bias;
    memcpy(out, &abcd, 4 * sizeof(real));
#elif LANES == 16
    vec ab = SHUFFLE2(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
             SHUFFLE2(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    vec cd = SHUFFLE2(v[2], v[3], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
             SHUFFLE2(v[2], v[3], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               SHUFFLE2(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    abcd += SHUFFLE2(abcd, abcd, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    abcd += SHUFFLE2(abcd, abcd, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    abcd += bias;
    memcpy(out, &abcd, 4 * sizeof(real));
#endif
}

/* sum_ki += ⟨a vector of W_k, a vector of x_i⟩, lane by lane; what stands `ahead` elements after x is fetched, if not 0 */
INLINE void NAME(multiply_add)(vec sum[CLASS_BLOCK][ROW_BLOCK], const real *const x[ROW_BLOCK], ptrdiff_t j,
                               const real *W, const int classes, ptrdiff_t width, ptrdiff_t ahead) {
    vec sample[ROW_BLOCK];
    UNROLL for (int i = 0; i < ROW_BLOCK; i++) sample[i] = load(x[i] + j);
    if (ahead) {
        UNROLL for (int i = 0; i < ROW_BLOCK; i++) __builtin_prefetch(x[i] + j + ahead);
    }
    UNROLL for (int k = 0; k < classes; k++) {
        const vec weight = load(W + k * width);
        UNROLL for (int i = 0; i < ROW_BLOCK; i++) sum[k][i] += weight * sample[i];
    }
}

/* z_ik for ROW_BLOCK samples and `classes` classes: dot products, vectorised over the features. */
INLINE void NAME(logits_block)(real *z_out, const real *const x[ROW_BLOCK], const real *W, const real *b,
                               const int classes, ptrdiff_t n_features, ptrdiff_t width, ptrdiff_t ldz,
                               ptrdiff_t ahead) {
    vec sum[CLASS_BLOCK][ROW_BLOCK];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int i = 0; i < ROW_BLOCK; i++) sum[k][i] = (vec){0};
    }
    for (ptrdiff_t j = 0; j < width - LANES; j += LANES) {
        NAME(multiply_add)(sum, x, j, W + j, classes, width, ahead);
    }
    NAME(multiply_add)(sum, x, n_features - LANES, W + width - LANES, classes, width, 0);
    UNROLL for (int k = 0; k < classes; k++) NAME(sum_lanes)(z_out + k * ldz, sum[k], b[k]);
}

static void NAME(tile_logits)(real *z_out, const real *x, const real *W, const real *b, ptrdiff_t rows,
                              ptrdiff_t n_classes, ptrdiff_t n_features, ptrdiff_t ldx, ptrdiff_t ldz) {
    const ptrdiff_t width = (n_features + LANES - 1) / LANES * LANES;
    /* Blocks of classes outside, samples inside: a block of W stays in the first-level cache. The blocks are as
     * equal as they can be, since a lone last class would leave the multipliers waiting for each other. */
    const ptrdiff_t n_blocks = (n_classes + CLASS_BLOCK - 1) / CLASS_BLOCK;
    for (ptrdiff_t block = 0; block < n_blocks; block++) {
        const ptrdiff_t k = block * n_classes / n_blocks;
        const ptrdiff_t classes = (block + 1) * n_classes / n_blocks - k;
        /* The first block of classes is the one that reads the samples from memory. */
        const ptrdiff_t ahead = block == 0 ? PREFETCH_ROWS * ldx : 0;
        for (ptrdiff_t i = 0; i < rows; i += ROW_BLOCK) {
            /* Past the last sample the block repeats it; those logits fall between rows and ldz. */
            const real *row[ROW_BLOCK];
            for (int r = 0; r < ROW_BLOCK; r++) row[r] = x + (i + r < rows ? i + r : rows - 1) * ldx;
#define CASE(C)                                                                                                       \
    case C:                                                                                                           \
        NAME(logits_block)(z_out + k * ldz + i, row, W + k * width, b + k, C, n_features, width, ldz, ahead);         \
        break;
            switch (classes) {
                CASE(1) CASE(2) CASE(3)
#if CLASS_BLOCK > 3
                CASE(4) CASE(5)
#endif
            }
#undef CASE
        }
    }
}

/* grad_kj += Σ_i r_ik x_ij for `classes` classes and `features` vectors of features, the last of which starts at
 * x_last: the sums stay in registers. */
INLINE void NAME(gradient_block)(real *grad, const real *x, const real *x_last, const real *residual,
                                 const int classes, const int features, ptrdiff_t rows, ptrdiff_t width,
                                 ptrdiff_t ldx, ptrdiff_t ldz) {
    vec sum[CLASS_BLOCK][FEATURE_BLOCK];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < features; v++) sum[k][v] = load(grad + k * width + v * LANES);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        vec sample[FEATURE_BLOCK];
        UNROLL for (int v = 0; v < features - 1; v++) sample[v] = load(x + i * ldx + v * LANES);
        sample[features - 1] = load(x_last + i * ldx);
        UNROLL for (int k = 0; k < classes; k++) {
            const real r = residual[k * ldz + i];
            UNROLL for (int v = 0; v < features; v++) sum[k][v] += r * sample[v];
        }
    }
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < features; v++) store(grad + k * width + v * LANES, sum[k][v]);
    }
}

static void NAME(tile_gradient)(real *grad_inout, const real *x, const real *residual, ptrdiff_t rows,
                                ptrdiff_t n_classes, ptrdiff_t n_features, ptrdiff_t ldx, ptrdiff_t ldz) {
    const ptrdiff_t width = (n_features + LANES - 1) / LANES * LANES;
    const ptrdiff_t n_blocks = (n_classes + CLASS_BLOCK - 1) / CLASS_BLOCK;
    const ptrdiff_t n_vectors = width / LANES;
    for (ptrdiff_t v = 0; v < n_vectors; v += FEATURE_BLOCK) {
        const ptrdiff_t features = n_vectors - v < FEATURE_BLOCK ? n_vectors - v : FEATURE_BLOCK;
        const ptrdiff_t last = v + features < n_vectors ? (v + features - 1) * LANES : n_features - LANES;
        for (ptrdiff_t block = 0; block < n_blocks; block++) {
            const ptrdiff_t k = block * n_classes / n_blocks;
            const ptrdiff_t classes = (block + 1) * n_classes / n_blocks - k;
#define CASE(C, V)                                                                                                    \
    case 10 * C + V:                                                                                                  \
        NAME(gradient_block)(grad_inout + k * width + v * LANES, x + v * LANES, x + last, residual + k * ldz, C, V,   \
                             rows, width, ldx, ldz);                                                                  \
        break;
            switch (10 * classes + features) {
                CASE(1, 1) CASE(1, 2) CASE(1, 3)
                CASE(2, 1) CASE(2, 2) CASE(2, 3)
                CASE(3, 1) CASE(3, 2) CASE(3, 3)
#if CLASS_BLOCK > 3
                CASE(4, 1) CASE(4, 2) CASE(4, 3) CASE(4, 4)
                CASE(5, 1) CASE(5, 2) CASE(5, 3) CASE(5, 4)
#endif
#if FEATURE_BLOCK > 3
                CASE(1, 4) CASE(2, 4) CASE(3, 4)
#endif
            }
#undef CASE
        }
    }
}

INLINE vec NAME(select)(ivec mask, vec yes, vec no) {
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* exp(x) = 2^n exp(r) with n = round(x / ln 2), r = x - n ln 2 (Cody & Waite's two-part ln 2), exp(r) by its series.
 * 2^n is applied as two factors, so that results fade through the subnormal numbers and reach infinity. */
INLINE vec NAME(exp)(vec x) {
    static const real inverse_factorial[14] = {
        1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
    };
    /* Written so that NaN, for which every comparison is false, stays NaN. */
    const vec lowest = (vec){0} + EXP_LOWEST, highest = (vec){0} + EXP_HIGHEST;
    x = NAME(select)(x < lowest, lowest, x);
    x = NAME(select)(x > highest, highest, x);
    const vec magic = (vec){0} + ROUND_MAGIC;
    const vec shifted = x * (real)1.44269504088896340736 + magic;
    const vec n = shifted - magic;
    const ivec n_bits = (ivec)shifted - (ivec)magic;
    const vec r = (x - n * LN2_HIGH) - n * LN2_LOW;
    vec p = (vec){0} + inverse_factorial[EXP_TERMS];
    UNROLL for (int term = EXP_TERMS - 1; term >= 0; term--) p = p * r + inverse_factorial[term];
    const ivec half = n_bits >> 1;
    const vec scale_a = (vec)((half + EXPONENT_BIAS) << MANTISSA_BITS);
    const vec scale_b = (vec)((n_bits - half + EXPONENT_BIAS) << MANTISSA_BITS);
    return p * scale_a * scale_b;
}

static void NAME(shifted_exp)(real *z_inout, real *total_inout, const real *peak, ptrdiff_t rows) {
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        const vec e = NAME(exp)(load(z_inout + i) - load(peak + i));
        store(z_inout + i, e);
        store(total_inout + i, load(total_inout + i) + e);
    }
}

/* log(1 + u) for u >= 0: with t = 1 + u rounded and m = t / 2^n in [√½, √2), log t = n ln 2 + log m and
 * log m = 2 atanh(s), s = (m - 1) / (m + 1); what rounding took from t comes back as (u - (t - 1)) / t. */
static void NAME(log1p)(real *u_inout, ptrdiff_t rows) {
    static const real inverse_odd[11] = {
        1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
        1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21,
    };
    const vec one = (vec){0} + 1, root_half = (vec){0} + (real)0.70710678118654752440;
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        const vec u = load(u_inout + i);
        const vec t = u + one;
        const ivec n_bits = ((ivec)t - (ivec)root_half) >> MANTISSA_BITS;
        const vec m = (vec)((ivec)t - (n_bits << MANTISSA_BITS));
        const vec n = (vec)(n_bits + (ivec)((vec){0} + ROUND_MAGIC)) - ROUND_MAGIC;
        const vec s = (m - one) / (m + one);
        const vec s2 = s * s;
        vec p = (vec){0} + inverse_odd[LOG_TERMS];
        UNROLL for (int term = LOG_TERMS - 1; term >= 0; term--) p = p * s2 + inverse_odd[term];
        const vec log_t = n * LN2_HIGH + (n * LN2_LOW + 2 * s * p);
        /* u - u is 0, or NaN where u is NaN or infinite. */
        store(u_inout + i, log_t + (u - (t - one)) / t + (u - u));
    }
}

#undef vec
#undef ivec
#undef load
#undef store
#undef real
#undef integer
#undef LANES
#undef NAME
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef EXP_LOWEST
#undef EXP_HIGHEST
#undef ROUND_MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_TERMS
#undef LOG_TERMS
