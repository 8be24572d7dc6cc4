/* The seam between the kernels and the instruction sets: one table of function pointers for each set.
 *
 * A tile is a block of samples small enough to stay in the second-level cache. In all functions
 *
 *   x       (rows, n_features) samples, rows ldx elements apart, at least one vector wide
 *   W, grad (n_classes, width) contiguous; width is n_features rounded up to whole vectors of `lanes` elements. The
 *                              last vector stands for the last `lanes` features, whole, and so may overlap the one
 *                              before: W is zero there, and what grad holds there has no meaning. Samples are so
 *                              read where they lie, and no vector is ever a partial one
 *   z       (n_classes, rows)  logits, later residuals, TRANSPOSED: classes ldz elements apart, so that the lanes
 *                              of a vector are samples and no class count is too small to fill them; ldz is a
 *                              multiple of FS_ROW_ALIGN, and what stands between rows and ldz has no meaning
 *
 * No Python here, no allocation. Outputs first, inputs next, sizes last.
 */
#ifndef FASTSOFTMAX_SIMD_H
#define FASTSOFTMAX_SIMD_H

#include <stddef.h>

/* Every row of z, and every vector with an element a sample, is padded to a multiple of this, the widest vector. */
#define FS_ROW_ALIGN 16

#define FS_DECLARE_OPS(real, dtype)                                                                                   \
    typedef struct {                                                                                                  \
        /* Elements of a vector. */                                                                                   \
        ptrdiff_t lanes;                                                                                              \
        /* z_ik = Σ_j W_kj x_ij + b_k */                                                                              \
        void (*tile_logits)(real *z_out, const real *x, const real *W, const real *b, ptrdiff_t rows,                 \
                            ptrdiff_t n_classes, ptrdiff_t n_features, ptrdiff_t ldx, ptrdiff_t ldz);                 \
        /* grad_kj += Σ_i r_ik x_ij */                                                                                \
        void (*tile_gradient)(real *grad_inout, const real *x, const real *residual, ptrdiff_t rows,                  \
                              ptrdiff_t n_classes, ptrdiff_t n_features, ptrdiff_t ldx, ptrdiff_t ldz);               \
        /* z_i = exp(z_i - peak_i), total_i += z_i */                                                                 \
        void (*shifted_exp)(real *z_inout, real *total_inout, const real *peak, ptrdiff_t rows);                      \
        /* u_i = log(1 + u_i), to all digits for small u_i >= 0 */                                                    \
        void (*log1p)(real *u_inout, ptrdiff_t rows);                                                                 \
    } fs_ops_##dtype;

FS_DECLARE_OPS(float, f32)
FS_DECLARE_OPS(double, f64)

typedef struct {
    const char *name;
    fs_ops_f32 f32;
    fs_ops_f64 f64;
} fs_simd;

/* The names of the instruction sets compiled in, slowest first, NULL at the end. */
const char *const *fs_simd_compiled(void);

/* Whether this processor and operating system can run a compiled set. */
int fs_simd_available(const char *name);

/* The table in use. It changes when the package is imported, and never after. */
extern const fs_simd *fs_active;

/* Use the set of that name, or the fastest available if name is NULL; 0 if there is no such set to run. */
int fs_simd_activate(const char *name);

#endif
