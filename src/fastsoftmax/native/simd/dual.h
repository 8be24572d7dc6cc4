/* The distribution of one sample that coordinate ascent on the dual looks for: the lanes of a vector are classes. */

enum {
    NAME(DUAL_STEPS) = 20,
    NAME(DUAL_LEAST) = -40,      /* logarithm of a q that is as good as zero */
    NAME(DUAL_NOWHERE) = -100000 /* z where there is no class */
};

/* The largest lane; NaN where it is the last. */
INLINE real NAME(largest)(vec v) {
    real largest = v[0];
    for (int l = 1; l < LANES; l++) largest = v[l] > largest ? v[l] : largest;
    return largest;
}

/* Solve q = softmax(z + c (q0 - q)) for q, which is q0 at first: log q_k + c q_k = z_k + c q0_k - a with Σ q_k = 1, by
 * Newton's method for log q and a. Logarithms keep q positive, and are kept from rising above that of one. n is a
 * multiple of LANES. */
static void NAME(dual_sample)(real *q_inout, real *log_q, const real *q0, const real *z, real c, ptrdiff_t n) {
    const vec zero = {0}, least = zero + NAME(DUAL_LEAST), tiny = NAME(exp)(least);
    vec total = zero;
    for (ptrdiff_t k = 0; k < n; k += LANES) {
        store(log_q + k, -NAME(log1p)(1 / NAME(maximum)(tiny, load(q_inout + k)) - 1));
    }
    for (int step = 0; step < NAME(DUAL_STEPS); step++) {
        /* (1 + c q_k) δ_k + a = z_k + c (q0_k - q_k) - log q_k  and  Σ q_k δ_k = 1 - Σ q_k */
        vec weight = zero, shift = zero, change = zero;
        total = zero;
        for (ptrdiff_t k = 0; k < n; k += LANES) {
            const vec q = load(q_inout + k), share = q / (1 + c * q);
            total += q;
            weight += share;
            shift += share * (load(z + k) + c * (load(q0 + k) - q) - load(log_q + k));
        }
        const real a = (real)((NAME(total)(NAME(as_double)(shift + total)) - 1) / NAME(total)(NAME(as_double)(weight)));
        total = zero;
        for (ptrdiff_t k = 0; k < n; k += LANES) {
            const vec q = load(q_inout + k), before = load(log_q + k);
            const vec goal = before + (load(z + k) + c * (load(q0 + k) - q) - before - a) / (1 + c * q);
            const vec after = -NAME(maximum)(-NAME(maximum)(goal, least), zero);
            const vec found = NAME(exp)(after), moved = after - before;
            store(log_q + k, after);
            store(q_inout + k, found);
            total += found;
            change = NAME(maximum)(change, found * NAME(maximum)(moved, -moved));
        }
        if (NAME(largest)(change) < (real)1e-4) break; /* the next epoch goes on with it */
    }
    const real sum = (real)NAME(total)(NAME(as_double)(total));
    for (ptrdiff_t k = 0; k < n; k += LANES) store(q_inout + k, load(q_inout + k) / sum);
}
