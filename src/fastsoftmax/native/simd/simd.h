/* The seam between the kernels and the instruction sets: one table of function pointers for each set.
 *
 * A tile is a block of samples small enough to stay in the second-level cache. In all functions
 *
 *   x       (rows, n_features) samples, rows ldx elements apart, at least one vector wide. What they are stored as is
 *                              one of `direct` where there are less than FS_MANY_CLASSES, else the dtype itself
 *   W, grad (n_classes, width) contiguous; width is n_features rounded up to whole vectors of `lanes` elements. The
 *                              last vector stands for the last `lanes` features, whole, and so may overlap the one
 *                              before: W is zero there, and what grad holds there has no meaning. Samples are so
 *                              read where they lie, and no vector is ever a partial one
 *   z       (n_classes, rows)  logits, later residuals, TRANSPOSED: classes ldz elements apart, so that the lanes
 *                              of a vector are samples and no class count is too small to fill them; ldz is a
 *                              multiple of FS_ROW_ALIGN. Past the last sample, up to a whole vector, z has no meaning but
 *                              is as finite as the samples and parameters are, and weights are zero there
 *   fetch                      memory that the next tile will read, or NULL. Each of tile_logits and tile_gradient
 *                              brings half a tile of elements of fetch_size bytes from there into the cache while it
 *                              computes; tile_logits with fetch_all, because no gradient follows, all of it
 *   parts                      how the products of many classes are made: FS_VECTORS, or one of those after it
 *
 * No Python here, no allocation. Outputs first, inputs next, sizes last.
 */
#ifndef FASTSOFTMAX_SIMD_H
#define FASTSOFTMAX_SIMD_H

#include <stddef.h>
#include <stdint.h>

/* Every row of z, and every vector with an element a sample, is padded to a multiple of this, the widest vector. */
#define FS_ROW_ALIGN 16

/* No tile has more samples. */
#define FS_MAX_TILE_ROWS 128

/* From this many classes on, a tile is copied to panels that many blocks of classes read. */
#define FS_MANY_CLASSES 32

/* How exact products must be at least: the dtype's own, a relative error of some 1e-5, that of factors of eight significant
 * bits. */
enum { FS_EXACT, FS_FAST, FS_ROUGH, FS_N_PRECISIONS };

/* How a product of two float32 is made: in float32, by vectors, or from the bfloat16 parts that the factors are split into,
 * as the sum of so many products of these. */
enum { FS_VECTORS = 0, FS_ONE_PART = 1, FS_THREE_PARTS = 3, FS_SIX_PARTS = 6 };

/* How the elements of X may be stored; halves are bfloat16, of which float32 has the upper bits, and IEEE's float16. */
enum { FS_F32, FS_F64, FS_F16, FS_BF16, FS_U8, FS_I8, FS_N_STORAGE };

#define FS_DECLARE_OPS(real, dtype)                                                                                   \
    typedef struct {                                                                                                  \
        /* Elements of a vector. */                                                                                   \
        ptrdiff_t lanes;                                                                                              \
        /* Features of a panel. */                                                                                    \
        ptrdiff_t panel_width;                                                                                        \
        /* z_ik = Σ_j W_kj x_ij + b_k */                                                                              \
        void (*tile_logits)(real *z_out, const void *x, int storage, const real *W, const real *b, const void *fetch, \
                            ptrdiff_t fetch_size, int fetch_all, int parts, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t n_features,       \
                            ptrdiff_t ldx, ptrdiff_t ldz);                                                            \
        /* grad_kj += Σ_i r_ik x_ij */                                                                                \
        void (*tile_gradient)(real *grad_inout, const void *x, int storage, const real *residual, const void *fetch,  \
                              ptrdiff_t fetch_size, int parts, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t n_features, ptrdiff_t ldx,     \
                              ptrdiff_t ldz);                                                                         \
        /* For labels y_i: z_ik = w_i (softmax(z_i)_k - [k = y_i]), and return Σ_i w_i L_i. No weights: w_i = 1. */   \
        double (*label_residual)(real *z_inout, const ptrdiff_t *labels, const double *sample_weight, ptrdiff_t rows, \
                                 ptrdiff_t n_classes, ptrdiff_t ldz);                                                 \
        /* For rows y_i of probabilities or counts, transposed like z: z_ik = w_i (softmax(z_i)_k Σ_c y_ic - y_ik) */ \
        double (*target_residual)(real *z_inout, const real *targets, const double *sample_weight, ptrdiff_t rows,    \
                                  ptrdiff_t n_classes, ptrdiff_t ldz);                                                \
        /* For directions u_i, transposed like z: z_ik = w_i p_ik (u_ik - Σ_c p_ic u_ic) with p_i = softmax(z_i) */     \
        void (*curvature_residual)(real *z_inout, const real *u, const double *sample_weight, ptrdiff_t rows,         \
                                   ptrdiff_t n_classes, ptrdiff_t ldz);                                               \
        /* sum_k += Σ_i z_ik */                                                                                       \
        void (*sum_samples)(double *sum_inout, const real *z, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz);    \
        /* For weighted Gram matrices, by precision: 0 the data's own, 1 the fastest. gram_pack copies up to panel_width  \
         * features of up to FS_MAX_TILE_ROWS samples to columns and to a panel, each of panel_width * FS_MAX_TILE_ROWS \
         * elements with zeros where there is no feature or sample; gram_block adds Σ_i w_i column_i panel_iᵀ to the     \
         * rows of out of up to panel_width features, for these and all features after them, n_features in panels next  \
         * to each other: to the upper triangle, and to some of the elements below it. */                             \
        void (*gram_pack[2])(real *columns_out, void *panel_out, const real *x, ptrdiff_t rows, ptrdiff_t n_features, \
                             ptrdiff_t ldx);                                                                          \
        void (*gram_block[2])(real *out_inout, const real *columns, const void *panels, const real *weight,           \
                              ptrdiff_t rows, ptrdiff_t n_features, ptrdiff_t ldo);                                   \
        /* For sparse samples, by the width of their indices: 0 int32_t, 1 int64_t. indptr (rows + 1,) says where the   \
         * entries of a sample start. csr_logits: z_ik = b_k + Σ_e v_e T_(j_e)k, where T is W transposed, features ldt  \
         * apart, at least one vector long. csr_gradient: grad_(j_e)k += r_ik v_e over the entries starts_i to stops_i  \
         * of a sample; rows of r and of grad are ldr long, a multiple of four, r zero past the last class. */          \
        void (*csr_logits[2])(real *z_out, const real *values, const void *indices, const ptrdiff_t *indptr,          \
                              const real *T, const real *b, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldt,       \
                              ptrdiff_t ldz);                                                                         \
        void (*csr_gradient[2])(double *grad_inout, const real *values, const void *indices, const ptrdiff_t *indptr, \
                                const int32_t *starts, const int32_t *stops, const real *residual, ptrdiff_t rows,    \
                                ptrdiff_t ldr);                                                                       \
        /* A step of coordinate ascent on the dual for the sample of the entries [start, stop), before that of [next,   \
         * end): q, a distribution of the classes, becomes right for the others' T and b, and these right for it. step  \
         * is s_i m_i/(n l2), square ‖x_i‖², and one more with an intercept; rows of T are ldt long, a multiple of      \
         * four; scratch has room for four times the classes and four vectors. */                                     \
        void (*csr_dual_step[2])(real *T_inout, double *b_inout, real *q_inout, real *scratch, const real *values,    \
                                 const void *indices, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t next, ptrdiff_t end, \
                                 real square, real step, int intercept, ptrdiff_t n_classes, ptrdiff_t ldt);          \
        /* The kinds of elements, a bit each, that the products of few classes read as they are stored. */            \
        int direct;                                                                                                   \
        /* By the kind of what is stored, NULL where it does not become this dtype: x_ij = stored_ij - center_j, rows   \
         * ldx long with zeros past the features; those of stored are row and its columns column elements apart. */     \
        void (*widen[FS_N_STORAGE])(real *x_out, const void *stored, const real *center, ptrdiff_t rows,              \
                                    ptrdiff_t n_features, ptrdiff_t row, ptrdiff_t column, ptrdiff_t ldx);            \
        /* z_i = softmax(z_i), or its logarithm */                                                                    \
        void (*softmax)(real *z_inout, int log, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz);                  \
    } fs_ops_##dtype;

FS_DECLARE_OPS(float, f32)
FS_DECLARE_OPS(double, f64)

typedef struct {
    const char *name;
    fs_ops_f32 f32;
    fs_ops_f64 f64;
} fs_simd;

/* Which products serve a precision: `parts` where there are at least that many classes, or features of a Gram matrix;
 * vectors below. */
typedef struct {
    int parts;
    ptrdiff_t from;
} fs_products;

/* What pays on a processor, by precision: for the products of a pass, and for those of a Gram matrix. */
typedef struct {
    fs_products pass[FS_N_PRECISIONS], gram[FS_N_PRECISIONS];
} fs_use;

/* The table in use, and which of its products are. They change when the package is imported, and never after. */
extern const fs_simd *fs_active;
extern const fs_use *fs_active_use;

/* The parts that a precision's products are made of. */
static inline int fs_parts(const fs_products by_precision[FS_N_PRECISIONS], int precision, ptrdiff_t size) {
    return size >= by_precision[precision].from ? by_precision[precision].parts : FS_VECTORS;
}

/* The operations on a tile in the set in use, for the dtype of the first argument. */
#define FS_ACTIVE(pointer)                                                                                            \
    _Generic((pointer), float *: &fs_active->f32, double *: &fs_active->f64, const float *: &fs_active->f32,          \
             const double *: &fs_active->f64)
#define fs_lanes(pointer) (FS_ACTIVE(pointer)->lanes)
#define fs_tile_logits(z_out, ...) (FS_ACTIVE(z_out)->tile_logits(z_out, __VA_ARGS__))
#define fs_tile_gradient(grad_inout, ...) (FS_ACTIVE(grad_inout)->tile_gradient(grad_inout, __VA_ARGS__))
#define fs_label_residual(z_inout, ...) (FS_ACTIVE(z_inout)->label_residual(z_inout, __VA_ARGS__))
#define fs_target_residual(z_inout, ...) (FS_ACTIVE(z_inout)->target_residual(z_inout, __VA_ARGS__))
#define fs_curvature_residual(z_inout, ...) (FS_ACTIVE(z_inout)->curvature_residual(z_inout, __VA_ARGS__))
#define fs_sum_samples(sum_inout, z, ...) (FS_ACTIVE(z)->sum_samples(sum_inout, z, __VA_ARGS__))
#define fs_panel_width(pointer) (FS_ACTIVE(pointer)->panel_width)
#define fs_gram_pack(columns_out, fast, ...) (FS_ACTIVE(columns_out)->gram_pack[fast](columns_out, __VA_ARGS__))
#define fs_gram_block(out_inout, fast, ...) (FS_ACTIVE(out_inout)->gram_block[fast](out_inout, __VA_ARGS__))
#define fs_csr_logits(z_out, wide, ...) (FS_ACTIVE(z_out)->csr_logits[wide](z_out, __VA_ARGS__))
#define fs_csr_gradient(grad_inout, wide, values, ...)                                                                \
    (FS_ACTIVE(values)->csr_gradient[wide](grad_inout, values, __VA_ARGS__))
#define fs_csr_dual_step(T_inout, wide, ...) (FS_ACTIVE(T_inout)->csr_dual_step[wide](T_inout, __VA_ARGS__))
#define fs_direct(pointer) (FS_ACTIVE(pointer)->direct)
#define fs_widen(x_out, storage, ...) (FS_ACTIVE(x_out)->widen[storage](x_out, __VA_ARGS__))
#define fs_softmax(z_inout, ...) (FS_ACTIVE(z_inout)->softmax(z_inout, __VA_ARGS__))

/* The names of the instruction sets compiled in, slowest first, NULL at the end. */
const char *const *fs_simd_compiled(void);

/* Whether this processor and operating system can run a compiled set. */
int fs_simd_available(const char *name);

/* The makers of processors that differ in what pays. */
enum { FS_AMD, FS_OTHERS };
int fs_vendor(void);

/* Which products of a set pay on a vendor's processors. */
const fs_use *fs_use_of(const char *name, int vendor);

/* Use the set of that name, or the fastest available if name is NULL; 0 if there is no such set to run. */
int fs_simd_activate(const char *name);

#endif
