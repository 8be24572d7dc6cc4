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
static inline __attribute__((always_inline)) void fs_add_lanes(double *out, const double *x, double factor,
                                                               ptrdiff_t n_vectors)
{
    for (ptrdiff_t v = 0; v < n_vectors; v++)
        ((fs_lanes *)out)[v] += factor * ((const fs_lanes *)x)[v];
}

/* Calls a function whose last argument is a number of vectors for `most` vectors from `first` on, at most FS_HELD at a
 * time: as a constant, so that the sums stay in registers. */
#define FS_HELD 3
#define FS_BY_VECTORS(function, first, most, ...)                                                                      \
    for (ptrdiff_t first = 0; first < (most); first += FS_HELD) {                                                      \
        if ((most) - first >= 3)                                                                                       \
            function(__VA_ARGS__, 3);                                                                                  \
        else if ((most) - first == 2)                                                                                  \
            function(__VA_ARGS__, 2);                                                                                  \
        else                                                                                                           \
            function(__VA_ARGS__, 1);                                                                                  \
    }

static inline __attribute__((always_inline)) void fs_add_product_of(fs_lanes *out, const fs_lanes *M, const double *v,
                                                                    double factor, ptrdiff_t n_classes,
                                                                    ptrdiff_t n_vectors, int count)
{
    fs_lanes sums[FS_HELD];
    for (int c = 0; c < count; c++)
        sums[c] = out[c];
    for (ptrdiff_t k = 0; k < n_classes; k++)
        for (int c = 0; c < count; c++)
            sums[c] += factor * v[k] * M[k * n_vectors + c];
    for (int c = 0; c < count; c++)
        out[c] = sums[c];
}

/* out += factor M v, the matrix being symmetric, (n_classes, n_vectors) */
FS_CLONES static void fs_add_product(double *restrict out, const double *restrict M, const double *restrict v,
                                     double factor, ptrdiff_t n_classes, ptrdiff_t n_vectors)
{
    fs_lanes *o = (fs_lanes *)out;
    const fs_lanes *m = (const fs_lanes *)M;
    FS_BY_VECTORS(fs_add_product_of, first, n_vectors, o + first, m + first, v, factor, n_classes, n_vectors)
}

static inline __attribute__((always_inline)) void fs_slopes_of(fs_lanes *out, const fs_lanes *r, ptrdiff_t n_vectors,
                                                               const double *x, const ptrdiff_t *rows, ptrdiff_t n,
                                                               int count)
{
    fs_lanes sums[FS_HELD] = {{0}, {0}, {0}};
    for (ptrdiff_t i = 0; i < n; i++)
        for (int c = 0; c < count; c++)
            sums[c] += x[i] * r[fs_row(rows, i) * n_vectors + c];
    for (int c = 0; c < count; c++)
        out[c] = sums[c];
}

/* out_k = Σ_i x_i r_ik */
FS_CLONES static void fs_column_slopes(double *restrict out, const double *restrict R, ptrdiff_t n_vectors,
                                       const double *restrict x, const ptrdiff_t *restrict rows, ptrdiff_t n)
{
    fs_lanes *slopes = (fs_lanes *)out;
    const fs_lanes *r = (const fs_lanes *)R;
    FS_BY_VECTORS(fs_slopes_of, first, n_vectors, slopes + first, r + first, n_vectors, x, rows, n)
}

static inline __attribute__((always_inline)) void fs_move_of(fs_lanes *R, const fs_lanes *P, const double *mass,
                                                             const double *x, const ptrdiff_t *rows, ptrdiff_t n,
                                                             const fs_lanes *step, ptrdiff_t n_vectors)
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

/* r_ik += x_i m_i p_ik (step_k − ⟨p_i, step⟩) */
FS_CLONES static void fs_column_move(double *restrict R, const double *restrict P, const double *restrict mass,
                                     ptrdiff_t n_vectors, const double *restrict x, const ptrdiff_t *restrict rows,
                                     ptrdiff_t n, const double *restrict step)
{
    fs_lanes *r = (fs_lanes *)R;
    const fs_lanes *p = (const fs_lanes *)P, *s = (const fs_lanes *)step;
    if (n_vectors == 1)
        fs_move_of(r, p, mass, x, rows, n, s, 1);
    else if (n_vectors == 2)
        fs_move_of(r, p, mass, x, rows, n, s, 2);
    else if (n_vectors == 3)
        fs_move_of(r, p, mass, x, rows, n, s, 3);
    else
        fs_move_of(r, p, mass, x, rows, n, s, n_vectors);
}

static inline __attribute__((always_inline)) void fs_add_of(fs_lanes *Z, ptrdiff_t n_vectors, const double *x,
                                                            const ptrdiff_t *rows, ptrdiff_t n, const fs_lanes *step,
                                                            int count)
{
    for (ptrdiff_t i = 0; i < n; i++)
        for (int c = 0; c < count; c++)
            Z[fs_row(rows, i) * n_vectors + c] += x[i] * step[c];
}

/* z_ik += x_i step_k */
FS_CLONES static void fs_column_add(double *restrict Z, ptrdiff_t n_vectors, const double *restrict x,
                                    const ptrdiff_t *restrict rows, ptrdiff_t n, const double *restrict step)
{
    fs_lanes *z = (fs_lanes *)Z;
    const fs_lanes *s = (const fs_lanes *)step;
    FS_BY_VECTORS(fs_add_of, first, n_vectors, z + first, n_vectors, x, rows, n, s + first)
}

/* Two rows of what follows, k and, if there is one, k + 1: twice `count` sums of either matrix. */
static inline __attribute__((always_inline)) void fs_products_of(fs_lanes *h, fs_lanes *c, const double *P,
                                                                 const double *mass, ptrdiff_t k, ptrdiff_t first,
                                                                 ptrdiff_t n_classes, ptrdiff_t n_vectors,
                                                                 const double *x, const ptrdiff_t *rows, ptrdiff_t n,
                                                                 int count)
{
    fs_lanes of_h[2][FS_HELD] = {{{0}}}, of_c[2][FS_HELD] = {{{0}}};
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t row = fs_row(rows, i);
        const double *p = P + row * n_vectors * FS_LANES;
        for (int a = 0; a < 2; a++) { /* past the last class p is zero: an even number of classes is no case apart */
            double factor = mass[row] * x[i] * p[k + a];
            for (int v = 0; v < count; v++) {
                fs_lanes own = factor * ((const fs_lanes *)p)[first + v];
                of_c[a][v] += own;
                of_h[a][v] += x[i] * own;
            }
        }
    }
    for (int a = 0; a < 2 && k + a < n_classes; a++)
        for (int v = 0; v < count; v++) {
            h[(k + a) * n_vectors + first + v] = of_h[a][v];
            c[(k + a) * n_vectors + first + v] = of_c[a][v];
        }
}

/* Make Σ w_i (diag(p_i) − p_i p_iᵀ) of Σ w_i p_i p_iᵀ, of which the lower triangle is given: its rows have sum zero, so
 * nothing cancels. */
static inline __attribute__((always_inline)) void fs_as_curvature(double *M, ptrdiff_t n_classes, ptrdiff_t n_vectors)
{
    ptrdiff_t width = n_vectors * FS_LANES;
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        M[k * width + k] = 0;
        for (ptrdiff_t other = 0; other < k; other++)
            M[other * width + k] = M[k * width + other];
    }
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        fs_lanes *row = (fs_lanes *)(M + k * width), sums = {0};
        for (ptrdiff_t v = 0; v < n_vectors; v++) {
            sums += row[v];
            row[v] = -row[v];
        }
        M[k * width + k] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

/* H_kl = Σ_i m_i x_i² p_ik (δ_kl − p_il), and C_kl with x_i in the place of its square; (n_classes, n_vectors). What
 * is past n_classes must be zero in P, and stays as it is in both. */
FS_CLONES static void fs_column_products(double *restrict H, double *restrict C, const double *restrict P,
                                         const double *restrict mass, ptrdiff_t n_classes, ptrdiff_t n_vectors,
                                         const double *restrict x, const ptrdiff_t *restrict rows, ptrdiff_t n)
{
    fs_lanes *h = (fs_lanes *)H, *c = (fs_lanes *)C;
    for (ptrdiff_t k = 0; k < n_classes; k += 2) {
        ptrdiff_t lower = (k + 1) / FS_LANES + 1; /* vectors that have the lower triangle of both rows */
        FS_BY_VECTORS(fs_products_of, first, lower, h, c, P, mass, k, first, n_classes, n_vectors, x, rows, n)
    }
    fs_as_curvature(H, n_classes, n_vectors);
    fs_as_curvature(C, n_classes, n_vectors);
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
