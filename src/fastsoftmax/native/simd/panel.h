/* The product of many rows with a panel, PANEL_VECTORS vectors wide. Included once for every kind of element. */
#define BLOCK_NAME(operation) PANEL_NAME(panel_##operation)
#define BLOCK_ROWS PANEL_CLASSES
#define BLOCK_VECTORS PANEL_VECTORS
#define BLOCK_ELEMENT PANEL_ELEMENT
#define BLOCK_SAMPLE PANEL_SAMPLE
#define BLOCK_VECTOR PANEL_VECTOR
#define BLOCK_LOAD PANEL_LOAD
#define BLOCK_MULTIPLY_ADD PANEL_MULTIPLY_ADD
#define BLOCK_FETCH fs_fetch
#define BLOCK_STEP(fetch, sample, vectors) fs_fetch_step(fetch)
#define BLOCK_SCOPE INLINE
#include "block.h"

/* out_kv += Σ_i a_ki x_iv for all of n_classes rows of a; vectors as for a block. */
INLINE void PANEL_NAME(panel)(real *out, const PANEL_ELEMENT *a, const PANEL_SAMPLE *x, fs_fetch *fetch,
                              ptrdiff_t n_classes, ptrdiff_t vectors, ptrdiff_t last, ptrdiff_t inner, ptrdiff_t ldo,
                              ptrdiff_t lda, ptrdiff_t ldx) {
    const ptrdiff_t n_blocks = (n_classes + PANEL_CLASSES - 1) / PANEL_CLASSES;
    for (ptrdiff_t block = 0; block < n_blocks; block++) {
        const ptrdiff_t k = block * n_classes / n_blocks, classes = (block + 1) * n_classes / n_blocks - k;
        fs_fetch_block(fetch, block);
        PANEL_NAME(panel_block)(out + k * ldo, a + k * lda, x, fetch, classes, vectors, last, inner, ldo, lda, ldx);
    }
}

#undef PANEL_NAME
#undef PANEL_ELEMENT
#undef PANEL_SAMPLE
#undef PANEL_VECTOR
#undef PANEL_LOAD
#undef PANEL_MULTIPLY_ADD
