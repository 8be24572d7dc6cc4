/* The negative binomial family: counts y >= 0 of mean m = exp(z) and variance m + p m². */
#ifdef FAMILY
FAMILY(negative_binomial)
#else

/* L = y log(y/m) - (y + 1/p) log((1 + p y)/(1 + p m)),     r = (m - y) / (1 + p m)
 *
 * With q = p y/(1 + p y) and d = z - log y, L = (y + 1/p) (log(1 + q (exp(d) - 1)) - q d). The same holds for 1 - q and
 * -d: the smaller of the two is taken, so that little cancels. */
INLINE vec NAME(negative_binomial_loss)(vec *r_out, vec y, vec z, real p) {
    const real most = EXP_HIGHEST - 9;
    const vec one = (vec){0} + 1, scaled = p * y, x = z + NAME(log)((vec){0} + p), e = NAME(exp_below)(x);
    const vec share = NAME(logistic_of)(e, x), other = NAME(logistic_of)(e, -x);
    const ivec few = scaled <= 1;
    const vec q = NAME(select)(few, scaled, one) / (1 + scaled), d = z - NAME(log)(y), t = NAME(select)(few, d, -d);
    /* Beyond `most`, log(1 + q (exp(t) - 1)) grows as t does. */
    const vec cut = -NAME(maximum)((vec){0} - most, -t);
    const vec log_ratio = NAME(log1p)(q * (cut + NAME(exp_rest)(cut))) + (t - cut);
    *r_out = share / p - y * other;
    return NAME(select)(y == 0, NAME(softplus_of)(e, x) / p, (y + 1 / p) * (log_ratio - q * t));
}

/* C = m / (1 + p m) */
INLINE vec NAME(negative_binomial_curvature)(vec z, real p) {
    const vec x = z + NAME(log)((vec){0} + p);
    return NAME(logistic)(x) / p;
}

FAMILY_OF_OUTPUTS(negative_binomial, negative_binomial_loss, negative_binomial_curvature, exp_any, 1);
#endif
