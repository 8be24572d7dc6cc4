/* The cross-entropy of one sample and its gradient in the logits: the lanes of a vector are classes.
 *
 * With the temperature t, e_k = exp((z_k - m) / t), m = max_k z_k, and the targets q_k of fs_cross_entropy:
 *
 *     L = Σ_k q_k (m - z_k) / t + Σ_k q_k · log Σ_k e_k,     ∂L/∂z_k = (e_k Σ_c q_c / Σ_c e_c - q_k) / t
 *
 * The logits are read for m, for e and for the gradient: from memory once, and then from the cache. */

/* Sums over the classes; of a label's own class only what falls to every class. */
typedef struct {
    double e, mass, loss; /* Σ_k e_k, Σ_k q_k, Σ_k q_k (m - z_k) / t */
} NAME(row_sums);

/* A vector of the elements from `at` on, of which there are `count`; past the last, `fill`. */
INLINE vec NAME(load_some)(const real *at, ptrdiff_t count, real fill) {
    if (count >= LANES) return load(at);
#if defined(__AVX512F__) && LANES == 16
    return _mm512_mask_loadu_ps((vec){0} + fill, (__mmask16)((1 << count) - 1), at);
#elif defined(__AVX512F__)
    return _mm512_mask_loadu_pd((vec){0} + fill, (__mmask8)((1 << count) - 1), at);
#else
    real some[LANES];
    for (int l = 0; l < LANES; l++) some[l] = l < count ? at[l] : fill;
    return load(some);
#endif
}

INLINE void NAME(store_some)(real *at_out, vec v, ptrdiff_t count) {
    if (count >= LANES) {
        store(at_out, v);
        return;
    }
#if defined(__AVX512F__) && LANES == 16
    _mm512_mask_storeu_ps(at_out, (__mmask16)((1 << count) - 1), v);
#elif defined(__AVX512F__)
    _mm512_mask_storeu_pd(at_out, (__mmask8)((1 << count) - 1), v);
#else
    for (ptrdiff_t l = 0; l < count; l++) at_out[l] = v[l];
#endif
}

/* max_k z_k, NaN where any z_k is. */
INLINE real NAME(row_peak)(const real *z, ptrdiff_t n_classes) {
    vec peak = NAME(load_some)(z, n_classes, z[0]);
    ivec poison = peak != peak;
    for (ptrdiff_t k = LANES; k < n_classes; k += LANES) {
        const vec z_k = NAME(load_some)(z + k, n_classes - k, z[0]);
        poison |= z_k != z_k;
        peak = NAME(maximum)(z_k, peak);
    }
    real largest = peak[0];
    integer found = poison[0];
    for (int l = 1; l < LANES; l++) {
        largest = peak[l] > largest ? peak[l] : largest;
        found |= poison[l];
    }
    return found ? (real)NAN : largest;
}

/* q_k of the classes from k on, zero past the last; of a label's own class only what falls to every class. */
INLINE vec NAME(row_targets)(const fs_cross_entropy *of, const real *y, ptrdiff_t k) {
    const ptrdiff_t count = of->n_classes - k;
    vec q = NAME(load_some)((const real *)of->share + k, count, 0);
    if (y != NULL) q += NAME(load_some)((const real *)of->kept + k, count, 0) * NAME(load_some)(y + k, count, 0);
    return q;
}

/* Makes e_k in out, unless that is NULL, and the sums. Without is_soft, only a label has a target. */
INLINE NAME(row_sums) NAME(row_pass)(real *out, const real *z, const real *y, ptrdiff_t label, real peak,
                                     const fs_cross_entropy *of, const int is_soft) {
    const vec zero = {0};
    const real colder = (real)of->inverse_temperature;
    ivec lane;
    vec e_sum = zero, e_lost = zero, mass = zero, mass_lost = zero;
    dvec loss = {0};
    for (int l = 0; l < LANES; l++) lane[l] = l;
    for (ptrdiff_t k = 0; k < of->n_classes;) {
        const ptrdiff_t end = of->n_classes - k > SUM_CLASSES * LANES ? k + SUM_CLASSES * LANES : of->n_classes;
        vec e_block = zero, mass_block = zero;
        for (; k < end; k += LANES) {
            const ptrdiff_t count = of->n_classes - k;
            const vec below = (NAME(load_some)(z + k, count, -(real)INFINITY) - peak) * colder, e = NAME(exp)(below);
            e_block += NAME(select)(lane == (integer)(label - k), zero, e);
            if (is_soft) {
                const vec q = NAME(row_targets)(of, y, k);
                mass_block += q;
                /* A class ruled out by a logit of -infinity costs nothing where its target is zero: 0 · ∞ = 0 here. */
                loss -= NAME(as_double)(NAME(select)(q == zero, zero, q * below));
            }
            if (out != NULL) NAME(store_some)(out + k, e, count);
        }
        NAME(add_block)(&e_sum, &e_lost, e_block);
        if (is_soft) NAME(add_block)(&mass, &mass_lost, mass_block);
    }
    return (NAME(row_sums)){NAME(total)(NAME(as_double)(e_sum)), NAME(total)(NAME(as_double)(mass)), NAME(total)(loss)};
}

/* The gradient in the place of e_k: factor · e_k - unit · q_k. */
INLINE void NAME(row_gradient)(real *out, const real *y, real factor, real unit, const fs_cross_entropy *of,
                               const int is_soft) {
    for (ptrdiff_t k = 0; k < of->n_classes; k += LANES) {
        const ptrdiff_t count = of->n_classes - k;
        vec r = NAME(load_some)(out + k, count, 0) * factor;
        if (is_soft) r -= unit * NAME(row_targets)(of, y, k);
        NAME(store_some)(out + k, r, count);
    }
}

/* For a label the sum over the OTHER classes is kept apart, as in families/softmax.h: a loss of 1e-20 has all its
 * digits. */
INLINE double NAME(row_loss)(real *out, const real *z, const real *y, ptrdiff_t label, double weight, double scale,
                             const fs_cross_entropy *of, const int is_soft) {
    const real peak = NAME(row_peak)(z, of->n_classes);
    double own = 0, e_own = 0, loss = 0;
    real below = 0;
    if (!(peak - peak == 0)) return NAN;
    if (y == NULL) {
        below = (z[label] - peak) * (real)of->inverse_temperature;
        own = ((const real *)of->kept)[label];
        e_own = NAME(exp)((vec){0} + below)[0];
        loss = own == 0 ? 0 : -own * below;
    }
    const NAME(row_sums) others = NAME(row_pass)(out, z, y, label, peak, of, is_soft);
    const double total = others.e + e_own, mass = others.mass + own, unit = weight * scale * of->inverse_temperature;
    loss += others.loss + mass * NAME(log1p)((vec){0} + (real)(others.e + (e_own - 1)))[0];
    if (out != NULL) {
        const real factor = (real)(unit * mass / total);
        if (!(factor - factor == 0)) return NAN;
        NAME(row_gradient)(out, y, factor, (real)unit, of, is_soft);
        if (y == NULL) out[label] = is_soft ? out[label] - (real)(unit * own) : (real)(-unit * own * others.e / total);
    }
    return weight * loss;
}

static double NAME(cross_entropy_row)(void *out, const void *z, const void *y, ptrdiff_t label, double weight,
                                      double scale, const fs_cross_entropy *of) {
    if (of->share != NULL) return NAME(row_loss)(out, z, y, label, weight, scale, of, 1);
    return NAME(row_loss)(out, z, NULL, label, weight, scale, of, 0);
}
