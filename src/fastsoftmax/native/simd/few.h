/* The two products of a tile for few classes, with the samples read as they are stored. Included once for every kind of
 * element: STORED, with SAMPLES(p) a vector of them as numbers. */

/* sum_ki += ⟨a vector of W_k, the vector of x_i at j⟩, lane by lane. All weights and one sample at a time are in
 * registers beside the sums: 16 registers hold no more. What follows of a long sample is brought nearer. */
INLINE void FEW_NAME(multiply_add)(vec sum[CLASS_BLOCK][ROW_BLOCK], const STORED *const x[ROW_BLOCK], ptrdiff_t j,
                                   const real *W, fs_fetch *fetch, const int classes, ptrdiff_t width,
                                   const int are_long) {
    vec weight[CLASS_BLOCK];
    UNROLL for (int k = 0; k < classes; k++) {
        weight[k] = load(W + k * width);
        KEEP(weight[k]);
    }
    fs_fetch_step(fetch);
    if (are_long) {
        UNROLL for (int i = 0; i < ROW_BLOCK; i++) __builtin_prefetch(x[i] + j + NEAR_BYTES / sizeof(STORED));
    }
    UNROLL for (int i = 0; i < ROW_BLOCK; i++) {
        vec sample = SAMPLES(x[i] + j);
        KEEP(sample);
        UNROLL for (int k = 0; k < classes; k++) sum[k][i] += weight[k] * sample;
    }
}

/* z_ik += Σ_j W_kj x_ij over `vectors` vectors of features, the last of which starts at x + last, for ROW_BLOCK samples
 * and `classes` classes. */
INLINE void FEW_NAME(logits_block)(real *z_inout, const STORED *const x[ROW_BLOCK], const real *W, fs_fetch *fetch,
                                   const int classes, ptrdiff_t vectors, ptrdiff_t last, ptrdiff_t width,
                                   ptrdiff_t ldz, const int are_long) {
    vec sum[CLASS_BLOCK][ROW_BLOCK];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int i = 0; i < ROW_BLOCK; i++) sum[k][i] = (vec){0};
    }
    for (ptrdiff_t j = 0; j < (vectors - 1) * LANES; j += LANES) {
        FEW_NAME(multiply_add)(sum, x, j, W + j, fetch, classes, width, are_long);
    }
    FEW_NAME(multiply_add)(sum, x, last, W + (vectors - 1) * LANES, fetch, classes, width, are_long);
    UNROLL for (int k = 0; k < classes; k++) NAME(sum_lanes)(z_inout + k * ldz, sum[k]);
}

/* z += W x for z (n_classes, rows), of long samples or of short ones. */
INLINE void FEW_NAME(sized_logits)(const fs_tile *tile, const real *W, fs_fetch *fetch, const int are_long) {
    const STORED *const x = tile->x;
    real *const z_inout = tile->z;
    const ptrdiff_t rows = tile->rows, n_classes = tile->n_logits, n_features = tile->n_features;
    const ptrdiff_t ldx = tile->ldx, ldz = tile->ldz;
    const ptrdiff_t n_vectors = (n_features + LANES - 1) / LANES, width = n_vectors * LANES;
    /* Chunks of features outermost and samples innermost: a chunk of CLASS_BLOCK rows of W and of ROW_BLOCK samples
     * stays in the first-level cache. The blocks are as equal as they can be, since a lone last class would leave the
     * multipliers waiting for each other. */
    const ptrdiff_t n_chunks = (width * (ptrdiff_t)sizeof(real) + CHUNK_BYTES - 1) / CHUNK_BYTES;
    const ptrdiff_t n_blocks = (n_classes + CLASS_BLOCK - 1) / CLASS_BLOCK;
    for (ptrdiff_t chunk = 0; chunk < n_chunks; chunk++) {
        const ptrdiff_t v = chunk * n_vectors / n_chunks, vectors = (chunk + 1) * n_vectors / n_chunks - v;
        const ptrdiff_t j = v * LANES;
        const ptrdiff_t last = chunk < n_chunks - 1 ? (vectors - 1) * LANES : n_features - LANES - j;
        for (ptrdiff_t block = 0; block < n_blocks; block++) {
            const ptrdiff_t k = block * n_classes / n_blocks, classes = (block + 1) * n_classes / n_blocks - k;
            fs_fetch_block(fetch, block);
            for (ptrdiff_t i = 0; i < rows; i += ROW_BLOCK) {
                const STORED *sample[ROW_BLOCK];
                for (int r = 0; r < ROW_BLOCK; r++) sample[r] = x + (i + r < rows ? i + r : rows - 1) * ldx + j;
#define CASE(C)                                                                                                       \
    case C:                                                                                                           \
        FEW_NAME(logits_block)(z_inout + k * ldz + i, sample, W + k * width + j, fetch, C, vectors, last, width, ldz, \
                               are_long);                                                                             \
        break;
                switch (classes) {
                    CASE(1) CASE(2) CASE(3)
#if CLASS_BLOCK > 3
                    CASE(4) CASE(5)
#endif
                }
#undef CASE
            }
        }
    }
}

static void FEW_NAME(few_logits)(const fs_tile *tile, const real *W, fs_fetch *fetch) {
    /* A tile of short samples stays in the first-level cache. */
    if (tile->n_features * sizeof(STORED) > NEAR_BYTES) {
        FEW_NAME(sized_logits)(tile, W, fetch, 1);
    } else {
        FEW_NAME(sized_logits)(tile, W, fetch, 0);
    }
}

#define PANEL_NAME(operation) FEW_NAME(operation)
#define PANEL_ELEMENT real
#define PANEL_SAMPLE STORED
#define PANEL_VECTOR vec
#define PANEL_LOAD(p) SAMPLES(p)
#define PANEL_MULTIPLY_ADD(sum, a, x) ((sum) + (a) * (x))
#include "panel.h"

/* grad += residual xᵀ for residual (n_classes, rows). */
static void FEW_NAME(few_gradient)(real *grad_inout, const fs_tile *tile, fs_fetch *fetch) {
    const STORED *const x = tile->x;
    const real *const residual = tile->z;
    const ptrdiff_t n_features = tile->n_features, n_vectors = (n_features + LANES - 1) / LANES;
    const ptrdiff_t width = n_vectors * LANES;
    for (ptrdiff_t v = 0; v < n_vectors; v += PANEL_VECTORS) {
        const ptrdiff_t vectors = n_vectors - v < PANEL_VECTORS ? n_vectors - v : PANEL_VECTORS, j = v * LANES;
        const ptrdiff_t last = v + vectors < n_vectors ? (vectors - 1) * LANES : n_features - LANES - j;
        FEW_NAME(panel)(grad_inout + j, residual, x + j, fetch, tile->n_outputs, vectors, last, tile->rows, width,
                        tile->ldz, tile->ldx);
    }
}

#undef STORED
#undef SAMPLES
#undef FEW_NAME
