/* The Tweedie families: numbers y >= 0, or y > 0 from p = 2 on, of mean m = exp(z) and a variance that is proportional
 * to m^p, p >= 1. */
#ifdef FAMILY
FAMILY(tweedie)
#else

/* L = y^a (exp(a d)/a - exp(c d)/c + 1/(a c)),     r = m^c (m - y),     a = 2 - p, c = 1 - p, d = z - log y.     With
 * R(x) = exp(x) - 1 - x that is L = y^a (R(a d)/a - R(c d)/c) and r = y^a (d + R(a d) - R(c d)): near d = 0 nothing
 * cancels, and where a or c is zero its term is. For y = 0, L = m^a/a and r = m^a. */
INLINE vec NAME(any_tweedie_loss)(vec *r_out, vec y, vec z, real p) {
    const real a = 2 - p, c = 1 - p, inverse_a = a == 0 ? 0 : 1 / a, inverse_c = c == 0 ? 0 : 1 / c;
    const ivec none = y == 0;
    const vec log_y = NAME(select)(none, (vec){0}, NAME(log)(y)), size = NAME(exp_any)(a * log_y), d = z - log_y;
    const vec e_a = NAME(exp_any)(a * d), e_c = NAME(exp_any)(c * d), infinity = (vec){0} + (real)__builtin_inf();
    const vec rest_a = NAME(rest_of)(e_a, a * d), rest_c = NAME(rest_of)(e_c, c * d);
    /* For p > 2 both terms are infinite where m is much smaller than y, the second one the more so. */
    const ivec far = e_c == infinity;
    const vec r = NAME(select)(far, -infinity, size * (d + rest_a - rest_c));
    const vec loss = NAME(select)(far, infinity, size * (rest_a * inverse_a - rest_c * inverse_c));
    *r_out = NAME(select)(none, e_a, r);
    return NAME(select)(none, e_a * inverse_a, loss);
}

/* The same for p = 3/2, where users of compound Poisson sums begin: with s = exp(z/2) and q = the root of y,
 * L = 2 (s - q)²/s and r = (s - q)(s + q)/s are made of one exponential. Nothing cancels there either. */
INLINE vec NAME(middle_tweedie_loss)(vec *r_out, vec y, vec z) {
    const vec s = NAME(exp_any)((real)0.5 * z), q = NAME(square_root)(y), far = s - q;
    /* For y = 0 the quotient is zero, also where s is. */
    const vec quotient = NAME(select)(y == 0, (vec){0}, q / s);
    *r_out = far * (1 + quotient);
    return 2 * far * (1 - quotient);
}

INLINE vec NAME(tweedie_loss)(vec *r_out, vec y, vec z, real p) {
    return p == (real)1.5 ? NAME(middle_tweedie_loss)(r_out, y, z) : NAME(any_tweedie_loss)(r_out, y, z, p);
}

/* C = m^a */
INLINE vec NAME(tweedie_curvature)(vec z, real p) { return NAME(exp_any)((2 - p) * z); }

FAMILY_OF_OUTPUTS(tweedie, tweedie_loss, tweedie_curvature, exp_any, 1);
#endif
