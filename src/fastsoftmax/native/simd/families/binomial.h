/* The binomial family: y is the share of successes in some trials, as many as the weight says; m = 1/(1 + exp(-z)). */
#ifdef FAMILY
FAMILY(binomial)
#else

/* y log y, 0 for y = 0 */
INLINE vec NAME(times_log)(vec y) {
    const vec zero = {0};
    return NAME(select)(y == 0, zero, y * NAME(log)(y));
}

/* L = y log(y/m) + (1 - y) log((1 - y)/(1 - m)),     r = m - y: the Bernoulli family's, less what no m goes below. */
INLINE vec NAME(binomial_loss)(vec *r_out, vec y, vec z, real p) {
    const vec least = -NAME(times_log)(y) - NAME(times_log)(1 - y), zero = {0};
    return NAME(maximum)(zero, NAME(bernoulli_loss)(r_out, y, z, p) - least);
}

FAMILY_OF_OUTPUTS(binomial, binomial_loss, bernoulli_curvature, logistic, 0);
#endif
