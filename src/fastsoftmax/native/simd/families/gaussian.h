/* The Gaussian family: numbers y of mean m = z, or m = exp(z) with the log link. */
#ifdef FAMILY
FAMILY(gaussian)
FAMILY(gaussian_log)
#else

/* L = (m - y)² / 2,     r = m - y */
INLINE vec NAME(gaussian_loss)(vec *r_out, vec y, vec z, real p) {
    (void)p;
    *r_out = z - y;
    return (z - y) * (z - y) / 2;
}

INLINE vec NAME(gaussian_curvature)(vec z, real p) {
    (void)p;
    return 0 * z + 1;
}

FAMILY_OF_OUTPUTS(gaussian, gaussian_loss, gaussian_curvature, identity, 0);

/* r = (m - y) m,     C = m² */
INLINE vec NAME(gaussian_log_loss)(vec *r_out, vec y, vec z, real p) {
    const vec m = NAME(exp_any)(z);
    (void)p;
    *r_out = (m - y) * m;
    return (m - y) * (m - y) / 2;
}

INLINE vec NAME(gaussian_log_curvature)(vec z, real p) {
    const vec m = NAME(exp_any)(z);
    (void)p;
    return m * m;
}

FAMILY_OF_OUTPUTS(gaussian_log, gaussian_log_loss, gaussian_log_curvature, exp_any, 0);
#endif
