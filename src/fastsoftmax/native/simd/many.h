/* The two matrix products of a tile for many classes. A block of sums has MANY_ROWS rows of one factor, read as they
 * lie, and MANY_VECTORS vectors of the other, from a panel that is packed: for the logits samples times a panel of W, for
 * the gradient residuals of classes times a panel of samples, which the first block of the panel packs.
 *
 *     depth     MANY_DEPTH steps of the inner dimension, after which the sums of a block are added to memory:
 *               a panel of so many stays in the first-level cache while all rows pass by
 *     group     classes whose logits are summed, sample by sample, in a part of the second-level cache
 *
 * These are constants of the instruction set: on every machine that has it a sum has the same order. */

/* What a block does with every step of its inner dimension: memory is on its way to the second-level cache, in two
 * streams, and the samples that the first block of a panel reads become the panel. */
typedef struct {
    const char *near, *far;
    ptrdiff_t near_step, far_step;
    real *panel;
} NAME(meanwhile);

INLINE void NAME(fetch)(NAME(meanwhile) *meanwhile) {
    __builtin_prefetch(meanwhile->near, 0, 2);
    __builtin_prefetch(meanwhile->far, 0, 2);
    meanwhile->near += meanwhile->near_step;
    meanwhile->far += meanwhile->far_step;
}

INLINE void NAME(copy_sample)(NAME(meanwhile) *meanwhile, const vec *sample, const int vectors) {
    NAME(fetch)(meanwhile);
    UNROLL for (int v = 0; v < vectors; v++) store(meanwhile->panel + v * LANES, sample[v]);
    meanwhile->panel += vectors * LANES;
}

#define BLOCK_NAME(operation) NAME(many_##operation)
#define BLOCK_STEP(meanwhile, sample, vectors) NAME(fetch)(meanwhile)
#include "many_block.h"
#define BLOCK_NAME(operation) NAME(many_copying_##operation)
#define BLOCK_STEP NAME(copy_sample)
#include "many_block.h"

enum {
    NAME(LINE) = 64 / sizeof(real),
    NAME(MANY_WIDTH) = MANY_VECTORS * LANES,
    NAME(GROUP) = MANY_GROUP_BYTES / sizeof(real),
    NAME(STRIP) = MANY_STRIP_BYTES / sizeof(real),
    NAME(GROUP_LD) = NAME(GROUP) + LANES, /* rows start in different sets of the cache */
    NAME(STRIP_LD) = NAME(STRIP) + LANES,
    NAME(WORK_BYTES) = sizeof(real) * (NAME(GROUP_LD) > NAME(STRIP_LD) ? NAME(GROUP_LD) : NAME(STRIP_LD)),
};

/* A panel, and what is done while all rows are multiplied with it. */
typedef struct {
    real *at;
    ptrdiff_t vectors, inner;
    int product; /* how the product is made */
    /* The samples that it is packed from, or NULL: rows ldx apart, the last vector of which starts at x + last. */
    const real *x;
    ptrdiff_t ldx, last;
    /* What the next panel is read from: each of the first next_blocks blocks fetches from next on, next_step bytes with
     * every step; the block after it from next_hop bytes further on. */
    const void *next;
    ptrdiff_t next_blocks, next_step, next_hop;
    /* What the next tile reads. */
    const char *far;
    ptrdiff_t far_step;
    /* The rows that are multiplied after these: as many, next_ld apart, so many lines of each. */
    const real *next_rows;
    ptrdiff_t next_ld, n_lines;
} NAME(factor);

#if DTYPE_IS_F32
/* out += a panel for `rows` rows of a, of numbers that are rounded. */
INLINE void NAME(rounded_rows)(real *out, const real *a, const NAME(factor) *panel, ptrdiff_t rows, ptrdiff_t ldo,
                               ptrdiff_t lda) {
    const ptrdiff_t vectors = panel->vectors;
    for (ptrdiff_t i = 0; panel->x != NULL && i < panel->inner; i++) {
        for (ptrdiff_t v = 0; v < vectors; v++) {
            const vec sample = load(panel->x + i * panel->ldx + (v < vectors - 1 ? v * LANES : panel->last));
            store(panel->at + (i * vectors + v) * LANES, sample);
        }
    }
    fs_active->f32.rounded_panel(out, a, panel->at, rows, vectors, panel->inner, ldo, lda);
}
#endif

/* out += a panel for `rows` rows of a, block by block. */
INLINE void NAME(many_rows)(real *out, const real *a, NAME(factor) *panel, ptrdiff_t rows, ptrdiff_t ldo,
                            ptrdiff_t lda) {
    const ptrdiff_t n_blocks = (rows + MANY_ROWS - 1) / MANY_ROWS, vectors = panel->vectors, inner = panel->inner;
    const real *next_rows = panel->next_rows;
#if DTYPE_IS_F32
    if (panel->product != FS_VECTORS) {
        NAME(rounded_rows)(out, a, panel, rows, ldo, lda);
        return;
    }
#endif
    for (ptrdiff_t block = 0, height; block < n_blocks; block++, out += height * ldo, a += height * lda) {
        height = rows - block * MANY_ROWS < MANY_ROWS ? rows - block * MANY_ROWS : MANY_ROWS;
        for (ptrdiff_t k = 0; k < height; k++, next_rows += panel->next_ld) {
            for (ptrdiff_t l = 0; l < panel->n_lines; l++) __builtin_prefetch(next_rows + l * NAME(LINE), 0, 2);
        }
        NAME(meanwhile) meanwhile = {(const char *)panel->at, panel->far, 0, panel->far_step, panel->at};
        if (block < panel->next_blocks) {
            meanwhile.near = (const char *)panel->next + block * panel->next_hop;
            meanwhile.near_step = panel->next_step;
        }
        if (block == 0 && panel->x != NULL) {
            NAME(many_copying_block)(out, a, panel->x, &meanwhile, height, vectors, panel->last, inner, ldo, lda,
                                     panel->ldx);
        } else {
            NAME(many_block)(out, a, panel->at, &meanwhile, height, vectors, (vectors - 1) * LANES, inner, ldo, lda,
                             vectors * LANES);
        }
        panel->far = meanwhile.far;
    }
}

/* z_ki = sum_ik for `classes` classes. */
INLINE void NAME(store_logits)(real *z_out, const real *sums, ptrdiff_t rows, ptrdiff_t classes, ptrdiff_t ldz) {
    real block[LANES * LANES] __attribute__((aligned(VECTOR_BYTES)));
    for (ptrdiff_t k = 0; k < classes; k += LANES) {
        const int whole = classes - k >= LANES;
        for (ptrdiff_t i = 0; i < rows; i += LANES) {
            const real *row[LANES];
            for (int l = 0; l < LANES; l++) row[l] = sums + (i + l < rows ? i + l : rows - 1) * NAME(GROUP_LD) + k;
            NAME(transpose)(whole ? z_out + k * ldz + i : block, row, whole ? ldz : LANES);
            if (!whole) {
                for (ptrdiff_t c = 0; c < classes - k; c++) {
                    store(z_out + (k + c) * ldz + i, load(block + c * LANES));
                }
            }
        }
    }
}

/* Classes of the next group, of those that are left: no vector is left alone. */
INLINE ptrdiff_t NAME(group)(ptrdiff_t left) {
    if (left > NAME(GROUP) && left <= NAME(GROUP) + LANES) return NAME(GROUP) - NAME(MANY_WIDTH);
    return left < NAME(GROUP) ? left : NAME(GROUP);
}

/* The panels of a product, before the first: half of the next tile, or all of it, is fetched in so many steps. */
INLINE NAME(factor) NAME(first_factor)(const fs_tile *tile, ptrdiff_t steps, int all) {
    const ptrdiff_t bytes = tile->rows * tile->n_features * tile->fetch_size / (all ? 1 : 2);
    NAME(factor) panel = {.product = tile->product, .far = (const char *)tile->x};
    if (tile->fetch != NULL) {
        panel.far = tile->fetch;
        panel.far_step = (bytes + steps - 1) / steps;
    }
    return panel;
}

/* z = W x + b, with W in panels. */
static void NAME(many_logits)(const fs_tile *tile, const real *W, const real *b) {
    const ptrdiff_t rows = tile->rows, n_features = tile->n_features, n_packed = fs_in_panels(tile->n_logits, LANES);
    real *const sums = tile->work;
    const ptrdiff_t n_blocks = (rows + MANY_ROWS - 1) / MANY_ROWS;
    const ptrdiff_t n_panels = (n_packed + NAME(MANY_WIDTH) - 1) / NAME(MANY_WIDTH);
    NAME(factor) panel = NAME(first_factor)(tile, n_panels * n_blocks * n_features, tile->fetch_all);
    panel.next_blocks = n_blocks;
    for (ptrdiff_t k = 0, classes; k < n_packed; k += classes) {
        classes = NAME(group)(n_packed - k);
        real bias[NAME(GROUP)] = {0};
        memcpy(bias, b + k, classes * sizeof(real));
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (ptrdiff_t c = 0; c < classes; c += LANES) store(sums + i * NAME(GROUP_LD) + c, load(bias + c));
        }
        for (ptrdiff_t j = 0; j < n_features; j += MANY_DEPTH) {
            const real *const x = (const real *)tile->x + j;
            panel.inner = n_features - j < MANY_DEPTH ? n_features - j : MANY_DEPTH;
            for (ptrdiff_t c = 0; c < classes; c += panel.vectors * LANES) {
                panel.vectors = fs_panel_vectors((classes - c + LANES - 1) / LANES, MANY_VECTORS);
                panel.at = (real *)W + (k + c) * n_features + j * panel.vectors * LANES;
                panel.next = panel.at + panel.vectors * LANES * n_features;
                panel.next_step = (panel.vectors * VECTOR_BYTES + n_blocks - 1) / n_blocks;
                panel.next_hop = panel.next_step * panel.inner;
                NAME(many_rows)(sums + c, x, &panel, rows, NAME(GROUP_LD), tile->ldx);
            }
        }
        NAME(store_logits)((real *)tile->z + k * tile->ldz, sums, rows, classes, tile->ldz);
    }
    if (n_packed < tile->n_logits) {
        fs_tile others = *tile;
        fs_fetch none = fs_fetch_start(NULL, 0, 0);
        others.z = (real *)tile->z + n_packed * tile->ldz;
        others.n_logits = tile->n_logits - n_packed;
        NAME(start_logits)(&others, b + n_packed);
        NAME(few_logits)(&others, W + (n_packed + LANES - 1) / LANES * LANES * n_features, &none);
    }
}

/* grad += residual xᵀ for up to MANY_DEPTH samples from i on, and a strip of features from j on: the first outputs pack
 * the samples into panels, panel by panel. */
INLINE void NAME(strip_gradient)(real *grad_inout, const fs_tile *tile, NAME(factor) *panel, ptrdiff_t i, ptrdiff_t j,
                                 ptrdiff_t columns) {
    const ptrdiff_t width = (tile->n_features + LANES - 1) / LANES * LANES, n_outputs = tile->n_outputs;
    const ptrdiff_t n_groups = (n_outputs + NAME(GROUP) - 1) / NAME(GROUP), n_vectors = (columns + LANES - 1) / LANES;
    const ptrdiff_t n_panels = (n_vectors + MANY_VECTORS - 1) / MANY_VECTORS, whole = n_outputs / MANY_ROWS;
    const real *const residual = (const real *)tile->z + i, *const x = (const real *)tile->x + i * tile->ldx + j;
    const int last_strip = j + columns == tile->n_features;
    panel->inner = tile->rows - i < MANY_DEPTH ? tile->rows - i : MANY_DEPTH;
    panel->n_lines = (panel->inner / NAME(LINE) + n_panels) / n_panels;
    for (ptrdiff_t group = 0; group < n_groups; group++) {
        /* Whole blocks, but in the last group. */
        const ptrdiff_t k = group * whole / n_groups * MANY_ROWS;
        const ptrdiff_t end = group + 1 < n_groups ? (group + 1) * whole / n_groups * MANY_ROWS : n_outputs;
        const real *const next = residual + (end < n_outputs ? end * tile->ldz : last_strip ? panel->inner : 0);
        for (ptrdiff_t v = 0; v < n_vectors; v += panel->vectors) {
            panel->vectors = fs_panel_vectors(n_vectors - v, MANY_VECTORS);
            panel->at = (real *)tile->work + v * LANES * panel->inner;
            panel->x = NULL;
            panel->next_blocks = 0;
            if (group == 0) {
                const int last = v + panel->vectors == n_vectors;
                panel->x = x + v * LANES;
                panel->last = last ? columns - LANES - v * LANES : (panel->vectors - 1) * LANES;
                /* After the last features come the first of the next samples. */
                panel->next = last && last_strip ? x - j + panel->inner * tile->ldx : panel->x + panel->vectors * LANES;
                panel->next_blocks = (panel->vectors * LANES + NAME(LINE) - 1) / NAME(LINE);
            }
            panel->next_rows = next + v / MANY_VECTORS * panel->n_lines * NAME(LINE);
            NAME(many_rows)(grad_inout + k * width + j + v * LANES, residual + k * tile->ldz, panel, end - k, width,
                            tile->ldz);
        }
    }
}

/* grad += residual xᵀ. */
static void NAME(many_gradient)(real *grad_inout, const fs_tile *tile) {
    const ptrdiff_t n_blocks = (tile->n_outputs + MANY_ROWS - 1) / MANY_ROWS;
    const ptrdiff_t n_panels = (tile->n_features + NAME(MANY_WIDTH) - 1) / NAME(MANY_WIDTH);
    NAME(factor) panel = NAME(first_factor)(tile, n_panels * n_blocks * tile->rows, 0);
    panel.ldx = tile->ldx;
    panel.next_step = tile->ldx * sizeof(real);
    panel.next_hop = NAME(LINE) * sizeof(real);
    panel.next_ld = tile->ldz;
    for (ptrdiff_t i = 0; i < tile->rows; i += MANY_DEPTH) {
        for (ptrdiff_t j = 0, columns; j < tile->n_features; j += columns) {
            columns = tile->n_features - j;
            if (columns > NAME(STRIP) + LANES) columns = NAME(STRIP); /* no vector is left alone */
            NAME(strip_gradient)(grad_inout, tile, &panel, i, j, columns);
        }
    }
}
