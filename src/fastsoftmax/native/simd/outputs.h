/* What families are made of whose outputs, given their logits, are independent: elementary functions of any argument,
 * and the loops over a tile. A family says what one element is: its loss, residual, curvature and mean. */

/* exp(x) for any x: that of more than EXP_HIGHEST is infinite. NaN stays NaN. */
INLINE vec NAME(exp_any)(vec x) { return NAME(exp)(-NAME(maximum)((vec){0} - EXP_HIGHEST, -x)); }

/* log x for x > 0; of zero, a large negative number. */
INLINE vec NAME(log)(vec x) {
    /* Subnormal numbers have no exponent of their own: they are made normal. */
    const ivec small = x < SMALLEST;
    const real shift = MANTISSA_BITS + 1;
    const vec normal = NAME(select)(small, x * (real)(2 * ((integer)1 << MANTISSA_BITS)), x);
    return NAME(log_normal)(normal) - NAME(select)(small, (vec){0} + shift * (real)0.69314718055994530942, (vec){0});
}

/* exp(x) - 1 - x = x² (1/2! + x/3! + …) for |x| <= 1/2, to all digits. */
INLINE vec NAME(small_rest)(vec x) {
    static const real inverse_factorial[16] = {
        1.0,          1.0,           1.0 / 2,        1.0 / 6,          1.0 / 24,          1.0 / 120,
        1.0 / 720,    1.0 / 5040,    1.0 / 40320,    1.0 / 362880,     1.0 / 3628800,     1.0 / 39916800,
        1.0 / 479001600, 1.0 / 6227020800.0, 1.0 / 87178291200.0, 1.0 / 1307674368000.0,
    };
    vec p = (vec){0} + inverse_factorial[REST_TERMS];
    UNROLL for (int term = REST_TERMS - 1; term >= 2; term--) p = p * x + inverse_factorial[term];
    return x * x * p;
}

/* exp(x) - 1 - x, from e = exp(x). */
INLINE vec NAME(rest_of)(vec e, vec x) {
    return NAME(select)(x * x <= (real)0.25, NAME(small_rest)(x), e - 1 - x);
}

INLINE vec NAME(exp_rest)(vec x) { return NAME(rest_of)(NAME(exp_any)(x), x); }

INLINE vec NAME(square_root)(vec x) {
    real lanes[LANES];
    store(lanes, x);
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = (real)__builtin_sqrt(lanes[lane]);
    return load(lanes);
}

/* exp(-|x|), of which the logistic function and log(1 + exp(x)) are made without overflow. */
INLINE vec NAME(exp_below)(vec x) { return NAME(exp)(-NAME(maximum)(-x, x)); }

/* |x|, 1/(1 + exp(-x)) and log(1 + exp(x)), the last two from e = exp(-|x|). */
INLINE vec NAME(absolute)(vec x) { return NAME(maximum)(-x, x); }

INLINE vec NAME(logistic_of)(vec e, vec x) { return NAME(select)(x >= 0, (vec){0} + 1, e) / (1 + e); }

INLINE vec NAME(softplus_of)(vec e, vec x) { return NAME(maximum)((vec){0}, x) + NAME(log1p)(e); }

/* The inverses of the links: what the mean of y is where the logit is z. */
INLINE vec NAME(identity)(vec z) { return z; }

INLINE vec NAME(logistic)(vec z) { return NAME(logistic_of)(NAME(exp_below)(z), z); }

/* L, and r = ∂L/∂z, of one element; C, the mean of ∂²L/∂z², which y has no part in; E[y]. p is the family's parameter. */
typedef vec NAME(element_loss)(vec *r_out, vec y, vec z, real p);
typedef vec NAME(element_curvature)(vec z, real p);
typedef vec NAME(element_mean)(vec z);

INLINE double NAME(losses)(const fs_tile *tile, NAME(element_loss) *of_element) {
    const real p = (real)tile->parameter;
    const vec zero = {0};
    dvec loss = {0};
    for (ptrdiff_t i = 0; i < tile->rows; i += LANES) {
        const vec weight = NAME(weights)(tile->weight, i, tile->rows);
        for (ptrdiff_t k = 0; k < tile->n_outputs; k++) {
            real *const at = (real *)tile->z + k * tile->ldz + i;
            vec r;
            const vec loss_ik = of_element(&r, load((real *)tile->y + k * tile->ldz + i), load(at), p);
            /* Where the weight is zero, also past the last sample, loss and residual may be infinite. */
            loss += NAME(as_double)(NAME(select)(weight == zero, zero, weight * loss_ik));
            store(at, NAME(select)(weight == zero, zero, weight * r));
        }
    }
    return NAME(total)(loss);
}

/* r_k = C_k u_k */
INLINE double NAME(curvatures)(const fs_tile *tile, NAME(element_curvature) *of_element) {
    const real p = (real)tile->parameter;
    const vec zero = {0};
    for (ptrdiff_t i = 0; i < tile->rows; i += LANES) {
        const vec weight = NAME(weights)(tile->weight, i, tile->rows);
        for (ptrdiff_t k = 0; k < tile->n_outputs; k++) {
            real *const at = (real *)tile->z + k * tile->ldz + i;
            const vec u = load((real *)tile->y + k * tile->ldz + i), C = of_element(load(at), p);
            store(at, NAME(select)(weight == zero, zero, weight * C * u));
        }
    }
    return 0;
}

INLINE void NAME(means)(const fs_tile *tile, NAME(element_mean) *of_element) {
    for (ptrdiff_t k = 0; k < tile->n_outputs; k++) {
        real *const z = (real *)tile->z + k * tile->ldz;
        for (ptrdiff_t i = 0; i < tile->rows; i += LANES) store(z + i, of_element(load(z + i)));
    }
}

/* The means of one sample, whose logits are contiguous. */
INLINE void NAME(row_means)(real *z, ptrdiff_t n_outputs, NAME(element_mean) *of_element) {
    for (ptrdiff_t k = 0; k < n_outputs; k++) z[k] = of_element((vec){0} + z[k])[0];
}

/* The row functions of a family, from those of an element. */
#define FAMILY_OF_OUTPUTS(name, loss, curvature, inverse_link, with_parameter)                                        \
    static double NAME(name##_rows)(const fs_tile *tile) { return NAME(losses)(tile, NAME(loss)); }                   \
    static double NAME(name##_direction)(const fs_tile *tile) { return NAME(curvatures)(tile, NAME(curvature)); }     \
    static void NAME(name##_means)(const fs_tile *tile) { NAME(means)(tile, NAME(inverse_link)); }                    \
    static void NAME(name##_row)(void *z_inout, ptrdiff_t n_outputs) {                                                \
        NAME(row_means)(z_inout, n_outputs, NAME(inverse_link));                                                      \
    }                                                                                                                 \
    static const fs_family NAME(family_##name) = {                                                                    \
        .residual = {[FS_ROWS] = NAME(name##_rows), [FS_DIRECTION] = NAME(name##_direction)},                         \
        .mean = NAME(name##_means),                                                                                   \
        .row_mean = NAME(name##_row),                                                                                 \
        .has_parameter = with_parameter,                                                                              \
    }
