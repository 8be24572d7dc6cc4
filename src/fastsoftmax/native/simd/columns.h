/* Loops over the values of a column of X, in float64. What a sample has for its classes lies together: n_vectors of
 * FS_LANES numbers, the last of which may be zeros. rows is NULL where the column has a value for each sample.
 *
 * As in coordinates.h the versions for processors round alike. */

#ifndef FS_COLUMNS_H
#define FS_COLUMNS_H

#include "coordinates.h"

#define FS_LANES 4

typedef double fs_lanes __attribute__((vector_size(8 * FS_LANES), aligned(8), may_alias));

static inline __attribute__((always_inline)) ptrdiff_t fs_row(const ptrdiff_t *rows, ptrdiff_t i)
{
    return rows ? rows[i] : i;
}

/* out += factor · x */
static inline __attribute__((always_inline)) void fs_add_lanes(double *out, const double *x, double factor, ptrdiff_t n_vectors)
{
    for (ptrdiff_t v = 0; v < n_vectors; v++)
        ((fs_lanes *)out)[v] += factor * ((const fs_lanes *)x)[v];
}

/* out += factor M v, the matrix being symmetric, (n_classes, n_vectors) */
FS_CLONES static void fs_add_product(double *restrict out, const double *restrict M, const double *restrict v,
                                     double factor, ptrdiff_t n_classes, ptrdiff_t n_vectors)
{
    for (ptrdiff_t k = 0; k < n_classes; k++)
        fs_add_lanes(out, M + k * n_vectors * FS_LANES, factor * v[k], n_vectors);
}

/* out_k = Σ_i x_i r_ik, for so many vectors of classes from r on */
static inline __attribute__((always_inline)) void fs_slopes_of(fs_lanes *out, const fs_lanes *r, ptrdiff_t n_vectors,
                                                               const double *x, const ptrdiff_t *rows, ptrdiff_t n,
                                                               int count)
{
    fs_lanes sums[2] = {{0}, {0}};
    for (ptrdiff_t i = 0; i < n; i++)
        for (int v = 0; v < count; v++)
            sums[v] += x[i] * r[fs_row(rows, i) * n_vectors + v];
    for (int v = 0; v < count; v++)
        out[v] = sums[v];
}

FS_CLONES static void fs_column_slopes(double *restrict out, const double *restrict R, ptrdiff_t n_vectors,
                                       const double *restrict x, const ptrdiff_t *restrict rows, ptrdiff_t n)
{
    fs_lanes *slopes = (fs_lanes *)out;
    const fs_lanes *r = (const fs_lanes *)R;
    ptrdiff_t v = 0;
    for (; v + 2 <= n_vectors; v += 2)
        fs_slopes_of(slopes + v, r + v, n_vectors, x, rows, n, 2);
    if (v < n_vectors)
        fs_slopes_of(slopes + v, r + v, n_vectors, x, rows, n, 1);
}

/* r_ik += x_i m_i p_ik (step_k − ⟨p_i, step⟩) */
static inline __attribute__((always_inline)) void fs_move_of(fs_lanes *R, const fs_lanes *P, const double *mass,
                                                             ptrdiff_t n_vectors, const double *x,
                                                             const ptrdiff_t *rows, ptrdiff_t n, const fs_lanes *step)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t row = fs_row(rows, i);
        const fs_lanes *p = P + row * n_vectors;
        fs_lanes *r = R + row * n_vectors, sums = {0};
        double factor = x[i] * mass[row], mean;
        for (ptrdiff_t v = 0; v < n_vectors; v++)
            sums += p[v] * step[v];
        mean = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (ptrdiff_t v = 0; v < n_vectors; v++)
            r[v] += factor * p[v] * (step[v] - mean);
    }
}

FS_CLONES static void fs_column_move(double *restrict R, const double *restrict P, const double *restrict mass,
                                     ptrdiff_t n_vectors, const double *restrict x, const ptrdiff_t *restrict rows,
                                     ptrdiff_t n, const double *restrict step)
{
    fs_lanes *r = (fs_lanes *)R;
    const fs_lanes *p = (const fs_lanes *)P, *s = (const fs_lanes *)step;
    if (n_vectors == 1)
        fs_move_of(r, p, mass, 1, x, rows, n, s);
    else if (n_vectors == 2)
        fs_move_of(r, p, mass, 2, x, rows, n, s);
    else
        fs_move_of(r, p, mass, n_vectors, x, rows, n, s);
}

/* z_ik += x_i step_k */
FS_CLONES static void fs_column_add(double *restrict Z, ptrdiff_t n_vectors, const double *restrict x,
                                    const ptrdiff_t *restrict rows, ptrdiff_t n, const double *restrict step)
{
    const fs_lanes *s = (const fs_lanes *)step;
    for (ptrdiff_t i = 0; i < n; i++) {
        fs_lanes *z = (fs_lanes *)Z + fs_row(rows, i) * n_vectors;
        for (ptrdiff_t v = 0; v < n_vectors; v++)
            z[v] += x[i] * s[v];
    }
}

/* H_kl += Σ_i m_i x_i² p_ik p_il, and C_kl with x_i in the place of its square; (n_classes, n_vectors) */
FS_CLONES static void fs_column_products(double *restrict H, double *restrict C, const double *restrict P,
                                         const double *restrict mass, ptrdiff_t n_classes, ptrdiff_t n_vectors,
                                         const double *restrict x, const ptrdiff_t *restrict rows, ptrdiff_t n)
{
    fs_lanes *h = (fs_lanes *)H, *c = (fs_lanes *)C;
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t row = fs_row(rows, i);
        const fs_lanes *p = (const fs_lanes *)P + row * n_vectors;
        double factor = mass[row] * x[i];
        for (ptrdiff_t k = 0; k < n_classes; k++)
            for (ptrdiff_t v = 0; v < n_vectors; v++) {
                fs_lanes own = factor * ((const double *)p)[k] * p[v];
                c[k * n_vectors + v] += own;
                h[k * n_vectors + v] += x[i] * own;
            }
    }
}

/* A round over the classes of a feature: each aim is minimised over, with the penalty l1 |aim|, within bounds; all
 * slopes follow. inverse_k is 1/H_kk, zero where there is no curvature. Returns the largest change of a slope, and adds
 * to gain what the model falls by. */
FS_CLONES static double fs_classes_round(double *restrict aims, double *restrict slopes, const double *restrict H,
                                         const double *restrict inverse, double l1, const double *restrict lower,
                                         const double *restrict upper, ptrdiff_t n_classes, ptrdiff_t n_vectors,
                                         double *restrict gain)
{
    double worst = 0, fallen = 0;
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        double own = inverse[k], threshold = l1 * own, aim = aims[k] - slopes[k] * own, change;
        if (own > 0)
            aim -= aim > threshold ? threshold : aim < -threshold ? -threshold : aim;
        else if (l1 > 0 && slopes[k] <= l1 && slopes[k] >= -l1)
            aim = 0;
        aim = aim > upper[k] ? upper[k] : aim < lower[k] ? lower[k] : aim;
        change = aim - aims[k];
        if (change == 0)
            continue;
        double steepness = H[k * n_vectors * FS_LANES + k], moved = steepness * (change > 0 ? change : -change);
        aims[k] = aim;
        fallen += moved * (change > 0 ? change : -change);
        worst = moved > worst ? moved : worst;
        fs_add_lanes(slopes, H + k * n_vectors * FS_LANES, change, n_vectors);
    }
    *gain += 0.5 * fallen;
    return worst;
}

#endif
