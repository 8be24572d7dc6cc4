/* Sums over vectors of float64, compiled twice where the linker can choose between versions when the program is loaded.
 * AVX2 without fused multiply-adds rounds as the baseline does: the bits are the same. */

#ifndef FS_VECTORS_H
#define FS_VECTORS_H

#include <stddef.h>

#if defined(__linux__) && defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define FS_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FS_CLONES
#endif

/* out_i += step · x_i */
FS_CLONES static void fs_add_scaled(double *restrict out, const double *restrict x, double step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] += step * x[i];
}

/* ⟨a, b⟩ in eight sums, which fit vectors. */
FS_CLONES static double fs_product(const double *restrict a, const double *restrict b, ptrdiff_t n)
{
    double sums[8] = {0}, rest = 0;
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int c = 0; c < 8; c++)
            sums[c] += a[i + c] * b[i + c];
    for (; i < n; i++)
        rest += a[i] * b[i];
    for (int c = 0; c < 4; c++)
        sums[c] += sums[c + 4];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
}

#endif
