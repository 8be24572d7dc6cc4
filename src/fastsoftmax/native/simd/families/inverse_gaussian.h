/* The inverse Gaussian family: numbers y > 0 of mean m = exp(z). */
#ifdef FAMILY
FAMILY(inverse_gaussian)
#else

/* L = (y - m)² / (2 y m²),     r = (m - y) / m² */
INLINE vec NAME(inverse_gaussian_loss)(vec *r_out, vec y, vec z, real p) {
    const vec ratio = y * NAME(exp_any)(-z), above = ratio - 1;
    (void)p;
    *r_out = -ratio * above / y;
    return above * above / (2 * y);
}

/* C = 1/m */
INLINE vec NAME(inverse_gaussian_curvature)(vec z, real p) {
    (void)p;
    return NAME(exp_any)(-z);
}

FAMILY_OF_OUTPUTS(inverse_gaussian, inverse_gaussian_loss, inverse_gaussian_curvature, exp_any, 0);
#endif
