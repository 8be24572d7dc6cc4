/* The gamma family: numbers y > 0 of mean m = exp(z). */
#ifdef FAMILY
FAMILY(gamma)
#else

/* L = y/m - 1 - log(y/m),     r = 1 - y/m.     With d = log y - z both are made of exp(d) - 1 - d. */
INLINE vec NAME(gamma_loss)(vec *r_out, vec y, vec z, real p) {
    const vec d = NAME(log)(y) - z, rest = NAME(exp_rest)(d);
    (void)p;
    *r_out = -(d + rest);
    return rest;
}

INLINE vec NAME(gamma_curvature)(vec z, real p) {
    (void)p;
    return 0 * z + 1;
}

FAMILY_OF_OUTPUTS(gamma, gamma_loss, gamma_curvature, exp_any, 0);
#endif
