/* The Poisson family: counts y >= 0 of mean m = exp(z). */
#ifdef FAMILY
FAMILY(poisson)
#else

/* L = m - y - y log(m/y),     r = m - y.     With d = z - log y, L = y (exp(d) - 1 - d): near d = 0, nothing cancels. */
INLINE vec NAME(poisson_loss)(vec *r_out, vec y, vec z, real p) {
    const vec m = NAME(exp_any)(z), d = z - NAME(log)(y), near = y * NAME(small_rest)(d);
    (void)p;
    *r_out = m - y;
    return NAME(select)(y == 0, m, NAME(select)(d * d <= (real)0.25, near, m - y - y * d));
}

INLINE vec NAME(poisson_curvature)(vec z, real p) {
    (void)p;
    return NAME(exp_any)(z);
}

FAMILY_OF_OUTPUTS(poisson, poisson_loss, poisson_curvature, exp_any, 0);
#endif
