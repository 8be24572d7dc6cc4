/* The inner loops of coordinate descent, in float64, compiled as those of vectors.h. */

#ifndef FS_COORDINATES_H
#define FS_COORDINATES_H

#include "vectors.h"

/* Σ_i x_i mass_i (v_i − t_i) */
FS_CLONES static double fs_slope(const double *restrict x, const double *restrict mass, const double *restrict v,
                                 const double *restrict t, ptrdiff_t n)
{
    double sums[8] = {0}, rest = 0;
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int c = 0; c < 8; c++)
            sums[c] += x[i + c] * mass[i + c] * (v[i + c] - t[i + c]);
    for (; i < n; i++)
        rest += x[i] * mass[i] * (v[i] - t[i]);
    for (int c = 0; c < 4; c++)
        sums[c] += sums[c + 4];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
}

/* The same where value i is that of row rows_i, in four sums, which need not wait for each other. */
static inline double fs_slope_of_rows(const double *restrict x, const ptrdiff_t *restrict rows,
                                      const double *restrict mass, const double *restrict v, const double *restrict t,
                                      ptrdiff_t n)
{
    double sums[4] = {0};
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int c = 0; c < 4; c++) {
            ptrdiff_t row = rows[i + c];
            sums[c] += x[i + c] * mass[row] * (v[row] - t[row]);
        }
    for (; i < n; i++)
        sums[0] += x[i] * mass[rows[i]] * (v[rows[i]] - t[rows[i]]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* v_i += step · x_i,  t_i += p_i · step · x_i */
FS_CLONES static void fs_move(double *restrict v, double *restrict t, const double *restrict x,
                              const double *restrict p, double step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        double change = step * x[i];
        v[i] += change;
        t[i] += change * p[i];
    }
}

#endif
