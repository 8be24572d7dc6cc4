/* The Bernoulli family: each output is 0 or 1, or the probability of 1, of mean m = 1/(1 + exp(-z)). */
#ifdef FAMILY
FAMILY(bernoulli)
#else

/* L = -y log m - (1 - y) log(1 - m),     r = m - y.     With e = exp(-|z|) no term of the loss is negative, and for
 * labels neither 1 + small nor m - 1 is ever rounded: a loss of 1e-20 has all its digits. */
INLINE vec NAME(bernoulli_loss)(vec *r_out, vec y, vec z, real p) {
    const vec e = NAME(exp_below)(z), rare = e / (1 + e);
    const ivec positive = z >= 0;
    (void)p;
    *r_out = NAME(select)(positive, (1 - y) - rare, rare - y);
    return NAME(log1p)(e) + NAME(absolute)(z) * NAME(select)(positive, 1 - y, y);
}

/* C = m (1 - m) */
INLINE vec NAME(bernoulli_curvature)(vec z, real p) {
    const vec e = NAME(exp_below)(z);
    (void)p;
    return e / ((1 + e) * (1 + e));
}

FAMILY_OF_OUTPUTS(bernoulli, bernoulli_loss, bernoulli_curvature, logistic, 0);
#endif
