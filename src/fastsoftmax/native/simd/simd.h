/* The seam between the kernels and the instruction sets: one table of function pointers for each set.
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
#define FS_MAX_TILE_ROWS 192

/* Samples that a Gram matrix is multiplied from at a time. */
#define FS_PANEL_DEPTH 128

/* From this many classes on, W is packed into panels that all tiles read, and tiles have so many samples. */
#define FS_MANY_CLASSES 32
#define FS_MANY_TILE_ROWS 192

/* How exact products must be at least: the dtype's own, a relative error of some 1e-5, that of factors of eight
 * significant bits. */
enum { FS_EXACT, FS_FAST, FS_ROUGH, FS_N_PRECISIONS };

/* How a product of two float32 is made: in float32, by vectors, or of the factors rounded to bfloat16. */
enum { FS_VECTORS, FS_ROUNDED };

/* How the elements of X may be stored; halves are bfloat16, of which float32 has the upper bits, and IEEE's float16. */
enum { FS_F32, FS_F64, FS_F16, FS_BF16, FS_U8, FS_I8, FS_N_STORAGE };

/* What the logits of a tile are held against: class indices, rows of numbers, or, for the curvature, a direction. */
enum { FS_LABELS, FS_ROWS, FS_DIRECTION, FS_N_TARGETS };

/* A tile: a block of samples small enough to stay in the second-level cache, and what becomes of them. Pointers to void
 * are to the dtype that is computed in. */
typedef struct {
    /* The first of the samples among all, and how many they are. */
    ptrdiff_t start, rows;
    /* Outputs of the family, for softmax the classes; as many logits, or those of a direction after them. */
    ptrdiff_t n_outputs, n_logits;

    /* (rows, n_features) samples, rows ldx elements apart, at least one vector wide. What they are stored as is one of
     * `direct` where there are less than FS_MANY_CLASSES logits, else the dtype itself. */
    const void *x;
    ptrdiff_t ldx, n_features;
    int storage;

    /* How the products of many classes are made: FS_VECTORS or FS_ROUNDED. */
    int product;

    /* (n_logits, rows) logits, later residuals, TRANSPOSED: outputs ldz elements apart, so that the lanes of a vector
     * are samples and no number of outputs is too small to fill them; ldz is a multiple of FS_ROW_ALIGN. Past the last
     * sample, up to a whole vector, z has no meaning but is as finite as the samples and parameters are, and weights
     * are zero. */
    void *z;
    ptrdiff_t ldz;

    /* The targets, by their kind: labels, a class for each sample; or in y, transposed like z, rows of numbers, or the
     * logits of a direction, which z holds after those of the outputs. And the factors of the samples, or NULL. */
    const ptrdiff_t *labels;
    void *y;
    const double *weight;

    /* The parameter of the family, such as the power of a Tweedie family; without meaning for one that has none. */
    double parameter;
    /* Room for the products of many classes: work_bytes of the instruction set for each sample of the pass's tiles. */
    void *work;

    /* Memory that the next tile will read, or NULL. Each of tile_logits and tile_gradient brings half a tile of
     * elements of fetch_size bytes from there into the cache while it computes; tile_logits with fetch_all, because no
     * gradient follows, all of it. */
    const void *fetch;
    ptrdiff_t fetch_size;
    int fetch_all;
} fs_tile;

/* Make residuals z_i = w_i r_i of logits. For targets r_i = ∂L_i/∂z_i, and Σ_i w_i L_i returns. For a direction u_i
 * r_i = C_i u_i, with the curvature C_i = ∂²L_i/∂z_i² or, where that is not positive, its mean; 0 returns. */
typedef double (*fs_residual)(const fs_tile *tile);

typedef void (*fs_row_mean)(void *z_inout, ptrdiff_t n_outputs);

/* z_k = Σ_j W_kj x_j + b_k for one sample, with W as for tile_logits, of a dtype. */
typedef void (*fs_row_logits)(void *z_out, const void *x, const void *W, const void *b, ptrdiff_t n_outputs,
                              ptrdiff_t n_features);

/* What the samples of a cross-entropy have in common. Their targets are q_k = kept_k y_k + share_k, where y_k is 1 for
 * a label's own class and 0 for the others: kept and share, (n_classes,) of the dtype, hold the weights of the classes
 * and what smoothing keeps and gives to all. share is NULL where nothing falls to other classes than the labels. */
typedef struct {
    const void *kept, *share;
    double inverse_temperature;
    ptrdiff_t n_classes;
} fs_cross_entropy;

/* Returns weight · L of one sample, with the logits z and the targets y, or the label if y is NULL. Writes scale ·
 * weight · ∂L/∂z to out, which may be z itself, or NULL. Returns NaN, and does not touch out, where max_k z_k is not
 * finite; NaN, too, where the gradient overflows. All arrays are contiguous, (n_classes,). */
typedef double (*fs_cross_entropy_row)(void *out, const void *z, const void *y, ptrdiff_t label, double weight,
                                       double scale, const fs_cross_entropy *of);

/* A family is its row functions. */
typedef struct {
    fs_residual residual[FS_N_TARGETS]; /* by the kind of targets; NULL where the family has none of it */
    void (*mean)(const fs_tile *tile);  /* makes the means of the targets of logits */
    fs_row_mean row_mean;               /* the same of one sample, whose logits are contiguous */
    int has_parameter;                  /* whether the first two ask for that of the tile */
} fs_family;

/* FS_softmax, ...: the numbers of the families. */
#define FAMILY(name) FS_##name,
enum {
#include "families/families.inc"
    FS_N_FAMILIES
};
#undef FAMILY

#define FS_DECLARE_OPS(real, dtype)                                                                                   \
    typedef struct {                                                                                                  \
        /* Elements of a vector. */                                                                                   \
        ptrdiff_t lanes;                                                                                              \
        /* Features of a panel. */                                                                                    \
        ptrdiff_t panel_width;                                                                                        \
        /* Of many classes: how many share a panel, the inner dimension that is summed before a sum goes to memory, \
         * and the memory that the products of a tile want for each of its samples. */                                \
        ptrdiff_t many_width, many_depth, work_bytes;                                                                 \
        /* z_ik = Σ_j W_kj x_ij + b_k. For fewer than FS_MANY_CLASSES logits W, as grad below for any number, is      \
         * contiguous, (n_logits, width): width is n_features rounded up to whole vectors of `lanes` elements. The last\
         * vector stands for the last `lanes` features, whole, and so may overlap the one before: W is zero there, and\
         * what grad holds there has no meaning. Samples are so read where they lie, and no vector is ever a partial  \
         * one. For more logits W is in panels (n_features, some vectors of classes), with zeros past the last of     \
         * fs_in_panels; the others follow as rows of width, as of few. */                                            \
        void (*tile_logits)(const fs_tile *tile, const real *W, const real *b);                                       \
        /* grad_kj += Σ_i r_ik x_ij for the outputs k, with the residuals r that z holds. */                          \
        void (*tile_gradient)(real *grad_inout, const fs_tile *tile);                                                 \
        /* What the products of many classes are made of by bfloat16; NULL where the set has none: out (rows,         \
         * vectors · lanes) += a (rows, inner) times a panel x (inner, vectors · lanes), inner at most FS_PANEL_DEPTH. */\
        void (*rounded_panel)(real *out, const real *a, const real *x, ptrdiff_t n_classes, ptrdiff_t vectors,        \
                              ptrdiff_t inner, ptrdiff_t ldo, ptrdiff_t lda);                                         \
        /* By their numbers. */                                                                                       \
        const fs_family *const *families;                                                                             \
        /* sum_k += Σ_i z_ik */                                                                                       \
        void (*sum_samples)(double *sum_inout, const real *z, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz);    \
        /* For weighted Gram matrices, by precision: 0 the data's own, 1 the fastest. gram_pack copies up to          \
         * panel_width features of up to FS_PANEL_DEPTH samples to columns and to a panel, each of panel_width *    \
         * FS_PANEL_DEPTH elements with zeros where there is no feature or sample; gram_block adds Σ_i w_i column_i \
         * panel_iᵀ to the rows of out of up to panel_width features, for these and all features after them, n_features \
         * in panels next to each other: to the upper triangle, and to some of the elements below it. */              \
        void (*gram_pack[2])(real *columns_out, void *panel_out, const real *x, ptrdiff_t rows, ptrdiff_t n_features, \
                             ptrdiff_t ldx);                                                                          \
        void (*gram_block[2])(real *out_inout, const real *columns, const void *panels, const real *weight,           \
                              ptrdiff_t rows, ptrdiff_t n_features, ptrdiff_t ldo);                                   \
        /* For sparse samples, by the width of their indices: 0 int32_t, 1 int64_t. indptr (rows + 1,) says where the \
         * entries of a sample start. csr_logits: z_ik = b_k + Σ_e v_e T_(j_e)k, where T is W transposed, features ldt \
         * apart, at least one vector long. csr_gradient: grad_(j_e)k += r_ik v_e over the entries starts_i to stops_i \
         * of a sample; rows of r and of grad are ldr long, a multiple of four, r zero past the last class. */        \
        void (*csr_logits[2])(const fs_tile *tile, const real *values, const void *indices, const ptrdiff_t *indptr,  \
                              const real *T, const real *b, ptrdiff_t ldt);                                           \
        void (*csr_gradient[2])(double *grad_inout, const real *values, const void *indices, const ptrdiff_t *indptr, \
                                const int32_t *starts, const int32_t *stops, const real *residual, ptrdiff_t rows,    \
                                ptrdiff_t ldr);                                                                       \
        /* A step of coordinate ascent on the dual for the sample of the entries [start, stop), before that of [next, \
         * end): q, a distribution of the classes, becomes right for the others' T and b, and these right for it. step \
         * is s_i m_i/(n l2), square ‖x_i‖², and one more with an intercept; rows of T are ldt long, a multiple of    \
         * four; scratch has room for four times the classes and four vectors. */                                     \
        void (*csr_dual_step[2])(real *T_inout, double *b_inout, real *q_inout, real *scratch, const real *values,    \
                                 const void *indices, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t next, ptrdiff_t end, \
                                 real square, real step, int intercept, ptrdiff_t n_classes, ptrdiff_t ldt);          \
        /* The kinds of elements, a bit each, that the products of few classes read as they are stored. */            \
        int direct;                                                                                                   \
        /* By the kind of what is stored, NULL where it does not become this dtype: x_ij = stored_ij - center_j, rows \
         * ldx long with zeros past the features; those of stored are row and its columns column elements apart. */   \
        void (*widen[FS_N_STORAGE])(real *x_out, const void *stored, const real *center, ptrdiff_t rows,              \
                                    ptrdiff_t n_features, ptrdiff_t row, ptrdiff_t column, ptrdiff_t ldx);            \
        fs_row_logits row_logits;                                                                                     \
        fs_cross_entropy_row cross_entropy_row;                                                                       \
        /* z_i = log softmax(z_i) */                                                                                  \
        void (*log_softmax)(real *z_inout, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz);                       \
    } fs_ops_##dtype;

FS_DECLARE_OPS(float, f32)
FS_DECLARE_OPS(double, f64)

typedef struct {
    fs_ops_f32 f32;
    fs_ops_f64 f64;
} fs_simd;

/* The products of bfloat16 of a set that is another's in all else: what takes the place of rounded_panel, gram_pack[1]
 * and gram_block[1] of float32. No pass uses those of a set whose panel is NULL. */
typedef struct {
    void (*panel)(float *out, const float *a, const float *x, ptrdiff_t n_classes, ptrdiff_t vectors, ptrdiff_t inner,
                  ptrdiff_t ldo, ptrdiff_t lda);
    void (*gram_pack)(float *columns_out, void *panel_out, const float *x, ptrdiff_t rows, ptrdiff_t n_features,
                      ptrdiff_t ldx);
    void (*gram_block)(float *out_inout, const float *columns, const void *panels, const float *weight, ptrdiff_t rows,
                       ptrdiff_t n_features, ptrdiff_t ldo);
} fs_rounded;

/* Which products serve a precision: these where there are at least so many classes, or features of a Gram matrix;
 * vectors below. */
typedef struct {
    int product;
    ptrdiff_t from;
} fs_products;

/* What pays on a processor, by precision: for the products of a pass, and for those of a Gram matrix. */
typedef struct {
    fs_products pass[FS_N_PRECISIONS], gram[FS_N_PRECISIONS];
} fs_use;

/* The table in use, its name, and which of its products are. They change when the package is imported, and never
 * after. */
extern const fs_simd *fs_active;
extern const char *fs_active_name;
extern const fs_use *fs_active_use;

/* Of n classes those in panels: all, unless no more than half a vector of them would be left for the last one. Such
 * few are multiplied as few classes are, with the lanes for features: no product is with a class that is not there. */
static inline ptrdiff_t fs_in_panels(ptrdiff_t n, ptrdiff_t lanes) {
    return n % lanes <= lanes / 2 ? n - n % lanes : n;
}

/* Vectors of the next panel of many classes, of those that are left: `most`, but not one alone at the end, whose
 * products would wait for each other and for memory. */
static inline ptrdiff_t fs_panel_vectors(ptrdiff_t left, ptrdiff_t most) {
    if (left == most + 1) return (left + 1) / 2;
    return left < most ? left : most;
}

/* How a precision's products are made. */
static inline int fs_product_of(const fs_products by_precision[FS_N_PRECISIONS], int precision, ptrdiff_t size) {
    return size >= by_precision[precision].from ? by_precision[precision].product : FS_VECTORS;
}

/* The operations on a tile in the set in use, for the dtype of a pointer. */
#define FS_ACTIVE(pointer)                                                                                            \
    _Generic((pointer), float *: &fs_active->f32, double *: &fs_active->f64, const float *: &fs_active->f32,          \
             const double *: &fs_active->f64)
#define fs_lanes(pointer) (FS_ACTIVE(pointer)->lanes)
#define fs_tile_logits(tile, W, b) (FS_ACTIVE(W)->tile_logits(tile, W, b))
#define fs_tile_gradient(grad_inout, tile) (FS_ACTIVE(grad_inout)->tile_gradient(grad_inout, tile))
#define fs_family_of(pointer, number) (FS_ACTIVE(pointer)->families[number])
#define fs_sum_samples(sum_inout, z, ...) (FS_ACTIVE(z)->sum_samples(sum_inout, z, __VA_ARGS__))
#define fs_panel_width(pointer) (FS_ACTIVE(pointer)->panel_width)
#define fs_many_width(pointer) (FS_ACTIVE(pointer)->many_width)
#define fs_many_depth(pointer) (FS_ACTIVE(pointer)->many_depth)
#define fs_work_bytes(pointer) (FS_ACTIVE(pointer)->work_bytes)
#define fs_gram_pack(columns_out, fast, ...) (FS_ACTIVE(columns_out)->gram_pack[fast](columns_out, __VA_ARGS__))
#define fs_gram_block(out_inout, fast, ...) (FS_ACTIVE(out_inout)->gram_block[fast](out_inout, __VA_ARGS__))
#define fs_csr_logits(tile, wide, values, ...) (FS_ACTIVE(values)->csr_logits[wide](tile, values, __VA_ARGS__))
#define fs_csr_gradient(grad_inout, wide, values, ...)                                                                \
    (FS_ACTIVE(values)->csr_gradient[wide](grad_inout, values, __VA_ARGS__))
#define fs_csr_dual_step(T_inout, wide, ...) (FS_ACTIVE(T_inout)->csr_dual_step[wide](T_inout, __VA_ARGS__))
#define fs_direct(pointer) (FS_ACTIVE(pointer)->direct)
#define fs_widen(x_out, storage, ...) (FS_ACTIVE(x_out)->widen[storage](x_out, __VA_ARGS__))
#define fs_row_logits_of(pointer) (FS_ACTIVE(pointer)->row_logits)
#define fs_cross_entropy_row_of(pointer) (FS_ACTIVE(pointer)->cross_entropy_row)
#define fs_log_softmax(z_inout, ...) (FS_ACTIVE(z_inout)->log_softmax(z_inout, __VA_ARGS__))

/* The names of the families, by their numbers. */
extern const char *const fs_family_names[FS_N_FAMILIES];

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
