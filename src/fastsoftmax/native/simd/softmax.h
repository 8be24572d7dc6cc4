/* The softmax and its residuals on a tile of logits: the lanes of a vector are samples, the loops run over classes. */

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

/* log(1 + u) for u >= 0, to all digits for small u: with t = 1 + u rounded and m = t / 2^n in [√½, √2),
 * log t = n ln 2 + log m and log m = 2 atanh(s), s = (m - 1) / (m + 1); what rounding took from t comes back as
 * (u - (t - 1)) / t. */
INLINE vec NAME(log1p)(vec u) {
    static const real inverse_odd[11] = {
        1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
        1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21,
    };
    const vec one = (vec){0} + 1, root_half = (vec){0} + (real)0.70710678118654752440;
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

/* A sum over the classes is one of blocks of SUM_CLASSES. Those after the first are added with what rounding has lost (Kahan,
 * Communications of the ACM 8, 1965): the sum of a hundred thousand classes is as exact as that of some. */
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

/* max_k z_k; NaN in the first place stays, and elsewhere returns with the exponentials. */
INLINE vec NAME(peak)(const real *z, ptrdiff_t n_classes, ptrdiff_t ldz) {
    vec peak = load(z);
    for (ptrdiff_t k = 1; k < n_classes; k++) {
        peak = NAME(maximum)(load(z + k * ldz), peak);
    }
    return peak;
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns Σ_{k≠y} e_k, and z_y - m in its
 * place if y is one of them. */
INLINE vec NAME(label_block)(real *z, vec *below_y, ivec label, vec peak, ptrdiff_t first, ptrdiff_t end,
                             ptrdiff_t ldz) {
    const vec zero = {0};
    vec sum = zero;
    for (ptrdiff_t k = first; k < end; k++) {
        const ivec is_label = label == (integer)k;
        const vec below = load(z + k * ldz) - peak;
        const vec e = NAME(exp)(below);
        *below_y = NAME(select)(is_label, below, *below_y);
        sum += NAME(select)(is_label, zero, e);
        store(z + k * ldz, e);
    }
    return sum;
}

/* With y the label and e_k = exp(z_k - m), the sum over the OTHER classes is kept apart:
 *
 *     L = (m - z_y) + log1p(Σ_{k≠y} e_k + (e_y - 1)),     r_y = -Σ_{k≠y} e_k / Σ_k e_k
 *
 * Where the label has the largest logit, e_y is 1 exactly, and neither 1 + small nor p_y - 1 is ever rounded: a loss
 * of 1e-20 has all its digits. */
static double NAME(label_residual)(real *z_inout, const ptrdiff_t *labels, const double *sample_weight, ptrdiff_t rows,
                                   ptrdiff_t n_classes, ptrdiff_t ldz) {
    /* Three short loops over the samples: each has many independent iterations for the processor to overlap. */
    const vec zero = {0};
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    dvec loss = {0};
    vec peak[FS_MAX_TILE_ROWS / LANES], others[FS_MAX_TILE_ROWS / LANES], z_y[FS_MAX_TILE_ROWS / LANES];
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) peak[v] = NAME(peak)(z_inout + i, n_classes, ldz);
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) {
        const ivec label = NAME(labels)(labels, i, rows);
        real *z = z_inout + i;
        vec below_y = zero, lost = zero;
        vec sum = NAME(label_block)(z, &below_y, label, peak[v], 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&sum, &lost, NAME(label_block)(z, &below_y, label, peak[v], k, next, ldz));
        }
        others[v] = sum;
        z_y[v] = below_y;
    }
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) {
        const ivec label = NAME(labels)(labels, i, rows);
        const vec weight = NAME(weights)(sample_weight, i, rows);
        const vec e_y = NAME(exp)(z_y[v]);
        const vec coefficient = weight / (others[v] + e_y);
        const vec loss_i = weight * (NAME(log1p)(others[v] + (e_y - 1)) - z_y[v]);
        loss += NAME(as_double)(NAME(select)(weight == zero, zero, loss_i));
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            const vec e = load(z_inout + k * ldz + i);
            store(z_inout + k * ldz + i, NAME(select)(label == (integer)k, -others[v], e) * coefficient);
        }
    }
    return NAME(total)(loss);
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns their sum, adds that of the targets
 * to mass, and Σ_k y_k (m - z_k) to the loss. */
INLINE vec NAME(target_block)(real *z, vec *mass, vec *loss, const real *y, vec peak, ptrdiff_t first, ptrdiff_t end,
                              ptrdiff_t ldz) {
    const vec zero = {0};
    vec sum = zero, y_sum = zero;
    for (ptrdiff_t k = first; k < end; k++) {
        const vec y_k = load(y + k * ldz), below = load(z + k * ldz) - peak;
        const vec e = NAME(exp)(below);
        /* A class ruled out by a logit of -infinity costs nothing where its target is zero: 0 · ∞ = 0 here. */
        *loss -= NAME(select)(y_k == zero, zero, y_k * below);
        y_sum += y_k;
        sum += e;
        store(z + k * ldz, e);
    }
    *mass += y_sum;
    return sum;
}

/* L = Σ_k y_k (m - z_k) + Σ_k y_k · log Σ_k exp(z_k - m): no term is negative, so none cancels another. */
static double NAME(target_residual)(real *z_inout, const real *targets, const double *sample_weight, ptrdiff_t rows,
                                    ptrdiff_t n_classes, ptrdiff_t ldz) {
    dvec loss = {0};
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const real *y = targets + i;
        const vec weight = NAME(weights)(sample_weight, i, rows), zero = {0};
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec mass = zero, loss_i = zero, lost = zero;
        vec total = NAME(target_block)(z, &mass, &loss_i, y, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(target_block)(z, &mass, &loss_i, y, peak, k, next, ldz));
        }
        const vec coefficient = weight * mass / total;
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            store(z + k * ldz, load(z + k * ldz) * coefficient - weight * load(y + k * ldz));
        }
        loss_i = weight * (loss_i + mass * NAME(log1p)(total - 1));
        loss += NAME(as_double)(NAME(select)(weight == zero, zero, loss_i));
    }
    return NAME(total)(loss);
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns their sum, and writes Σ_k e_k u_k. */
INLINE vec NAME(curvature_block)(real *z, vec *weighted_out, const real *u, vec peak, ptrdiff_t first, ptrdiff_t end,
                                 ptrdiff_t ldz) {
    vec sum = {0}, weighted = {0};
    for (ptrdiff_t k = first; k < end; k++) {
        const vec e = NAME(exp)(load(z + k * ldz) - peak);
        sum += e;
        weighted += e * load(u + k * ldz);
        store(z + k * ldz, e);
    }
    *weighted_out = weighted;
    return sum;
}

static void NAME(curvature_residual)(real *z_inout, const real *u, const double *sample_weight, ptrdiff_t rows,
                                     ptrdiff_t n_classes, ptrdiff_t ldz) {
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const vec weight = NAME(weights)(sample_weight, i, rows);
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec mean, lost = {0}, mean_lost = {0}, block;
        vec total = NAME(curvature_block)(z, &mean, u + i, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(curvature_block)(z, &block, u + i, peak, k, next, ldz));
            NAME(add_block)(&mean, &mean_lost, block);
        }
        const vec coefficient = weight / total;
        mean /= total;
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            store(z + k * ldz, coefficient * load(z + k * ldz) * (load(u + k * ldz + i) - mean));
        }
    }
}

static void NAME(sum_samples)(double *sum_inout, const real *z, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz) {
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        vec sum = {0};
        for (ptrdiff_t i = 0; i < rows; i += LANES) sum += load(z + k * ldz + i);
        sum_inout[k] += NAME(total)(NAME(as_double)(sum));
    }
}

/* exp(z_k - m), or z_k - m, in the place of z_k, for the classes from `first` to `end`; returns Σ_k exp(z_k - m). */
INLINE vec NAME(softmax_block)(real *z, int log, vec peak, ptrdiff_t first, ptrdiff_t end, ptrdiff_t ldz) {
    vec sum = {0};
    for (ptrdiff_t k = first; k < end; k++) {
        const vec below = load(z + k * ldz) - peak, e_k = NAME(exp)(below);
        sum += e_k;
        store(z + k * ldz, log ? below : e_k);
    }
    return sum;
}

static void NAME(softmax)(real *z_inout, int log, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz) {
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec lost = {0}, total = NAME(softmax_block)(z, log, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(softmax_block)(z, log, peak, k, next, ldz));
        }
        const vec log_total = NAME(log1p)(total - 1);
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            const vec z_k = load(z + k * ldz);
            store(z + k * ldz, log ? z_k - log_total : z_k / total);
        }
    }
}
