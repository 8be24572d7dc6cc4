/* The two matrix products of a tile for many classes. A block of sums has MANY_ROWS rows of one factor, read as they lie,
 * and MANY_VECTORS vectors of the other, from a panel that is packed: for the logits samples times a panel of W, for the
 * gradient residuals of classes times a panel of samples.
 *
 *     depth     MANY_DEPTH steps of the inner dimension, after which the sums of a block are added to memory:
 *               a panel of so many stays in the first-level cache while all rows pass by
 *     group     classes whose logits are summed, sample by sample, in a part of the second-level cache
 *
 * These are constants of the instruction set: on every machine that has it a sum has the same order. */

#define BLOCK_NAME(operation) NAME(many_##operation)
#define BLOCK_ROWS MANY_ROWS
#define BLOCK_VECTORS MANY_VECTORS
#define BLOCK_ELEMENT real
#define BLOCK_SAMPLE real
#define BLOCK_VECTOR vec
#define BLOCK_LOAD(p) load(p)
#define BLOCK_MULTIPLY_ADD(sum, a, x) ((sum) + (a) * (x))
#define BLOCK_STEP(fetch)
#define BLOCK_SCOPE APART
#include "block.h"

enum {
    NAME(MANY_WIDTH) = MANY_VECTORS * LANES,
    NAME(GROUP) = MANY_GROUP_BYTES / sizeof(real),
    NAME(STRIP) = MANY_STRIP_BYTES / sizeof(real),
    NAME(GROUP_LD) = NAME(GROUP) + LANES, /* rows start in different sets of the cache */
    NAME(LOGITS_WORK) = FS_MANY_TILE_ROWS * NAME(GROUP_LD),
    NAME(GRADIENT_WORK) = 2 * MANY_DEPTH * (NAME(STRIP) + NAME(MANY_WIDTH)),
    NAME(WORK_BYTES) =
        sizeof(real) * (NAME(LOGITS_WORK) > NAME(GRADIENT_WORK) ? NAME(LOGITS_WORK) : NAME(GRADIENT_WORK)),
};

/* A piece of X that is packed into panels of MANY_DEPTH rows, some rows with every block of the product before it, in
 * so many steps: rows are on their way from memory while a block is computed. The last vector of a row ends with it,
 * and may overlap the one before. */
typedef struct {
    real *to;
    const real *from;
    ptrdiff_t rows, columns, ld, steps, credit, row; /* the last: that is next */
} NAME(piece);

INLINE void NAME(copy_row)(const NAME(piece) *piece, ptrdiff_t row) {
    const real *from = piece->from + row * piece->ld;
    const ptrdiff_t n_vectors = (piece->columns + LANES - 1) / LANES;
    for (ptrdiff_t v = 0, width; v < n_vectors; v += width) {
        const ptrdiff_t left = n_vectors - v;
        width = fs_panel_vectors(left, MANY_VECTORS);
        real *const to = piece->to + v * LANES * MANY_DEPTH + row * width * LANES;
        for (ptrdiff_t f = 0; f < width; f++) {
            store(to + f * LANES, load(from + (f < left - 1 ? (v + f) * LANES : piece->columns - LANES)));
        }
    }
}

/* Copy the rows of one step, if any are left, and fetch what follows. */
INLINE void NAME(copy_step)(NAME(piece) *piece) {
    piece->credit += piece->rows;
    for (; piece->credit >= piece->steps && piece->row < piece->rows; piece->credit -= piece->steps) {
        const ptrdiff_t next = piece->row + 1 < piece->rows ? piece->row + 1 : piece->row;
        for (ptrdiff_t j = 0; j < piece->columns; j += 64 / sizeof(real)) {
            __builtin_prefetch(piece->from + next * piece->ld + j);
        }
        NAME(copy_row)(piece, piece->row++);
    }
}

/* A product, and what is done meanwhile: copying the next piece, and fetching memory. */
typedef struct {
    NAME(piece) *next; /* or NULL */
    fs_ahead near, far;
    int product; /* how it is made */
} NAME(meanwhile);

/* out += a panel for `rows` rows of a. */
INLINE void NAME(many_rows)(real *out, const real *a, const real *panel, NAME(meanwhile) *meanwhile, ptrdiff_t rows,
                            ptrdiff_t vectors, ptrdiff_t inner, ptrdiff_t ldo, ptrdiff_t lda) {
    const ptrdiff_t n_blocks = (rows + MANY_ROWS - 1) / MANY_ROWS;
#if DTYPE_IS_F32
    if (meanwhile->product != FS_VECTORS) {
        fs_active->f32.rounded_panel(out, a, panel, rows, vectors, inner, ldo, lda);
        for (ptrdiff_t block = 0; block < n_blocks && meanwhile->next != NULL; block++) NAME(copy_step)(meanwhile->next);
        return;
    }
#endif
    const ptrdiff_t least = rows / n_blocks, more = rows % n_blocks; /* blocks with a row more than the others */
    for (ptrdiff_t block = 0, height; block < n_blocks; block++, out += height * ldo, a += height * lda) {
        height = least + (block < more);
        if (meanwhile->next != NULL) NAME(copy_step)(meanwhile->next);
        fs_ahead_step(&meanwhile->far);
        fs_ahead_step(&meanwhile->near);
        NAME(many_block)(out, a, panel, NULL, height, vectors, (vectors - 1) * LANES, inner, ldo, lda, vectors * LANES);
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

/* z = W x + b, with W in panels. */
static void NAME(many_logits)(const fs_tile *tile, const real *W, const real *b) {
    const ptrdiff_t rows = tile->rows, n_features = tile->n_features, n_packed = fs_in_panels(tile->n_logits, LANES);
    real *const sums = tile->work;
    const ptrdiff_t n_pieces = (n_packed + NAME(GROUP) - 1) / NAME(GROUP) * ((n_features + MANY_DEPTH - 1) / MANY_DEPTH);
    const ptrdiff_t fetch_bytes = rows * n_features * tile->fetch_size / (tile->fetch_all ? 1 : 2);
    const ptrdiff_t n_blocks = (rows + MANY_ROWS - 1) / MANY_ROWS;
    ptrdiff_t n_done = 0;
    for (ptrdiff_t k = 0, classes; k < n_packed; k += classes) {
        classes = NAME(group)(n_packed - k);
        real bias[NAME(GROUP)] = {0};
        memcpy(bias, b + k, classes * sizeof(real));
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (ptrdiff_t c = 0; c < classes; c += LANES) store(sums + i * NAME(GROUP_LD) + c, load(bias + c));
        }
        for (ptrdiff_t j = 0; j < n_features; j += MANY_DEPTH) {
            const ptrdiff_t inner = n_features - j < MANY_DEPTH ? n_features - j : MANY_DEPTH;
            const real *x = (const real *)tile->x + j;
            const ptrdiff_t steps = (classes + NAME(MANY_WIDTH) - 1) / NAME(MANY_WIDTH) * n_blocks;
            NAME(meanwhile) meanwhile = {.far = fs_ahead_part(tile->fetch, fetch_bytes, n_done++, n_pieces, steps),
                                         .product = tile->product};
            for (ptrdiff_t c = 0, vectors; c < classes; c += vectors * LANES) {
                vectors = fs_panel_vectors((classes - c + LANES - 1) / LANES, MANY_VECTORS);
                const real *panel = W + (k + c) * n_features + j * vectors * LANES;
                meanwhile.near = fs_ahead_part(panel + vectors * LANES * n_features,
                                               inner * vectors * LANES * sizeof(real), 0, 1, n_blocks);
                NAME(many_rows)(sums + c, x, panel, &meanwhile, rows, vectors, inner, NAME(GROUP_LD), tile->ldx);
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

/* The piece of the samples from sample i and feature j on, copied in so many steps, or fewer. */
INLINE NAME(piece) NAME(strip)(real *to, const fs_tile *tile, ptrdiff_t i, ptrdiff_t j, ptrdiff_t steps) {
    const ptrdiff_t rows = tile->rows - i < MANY_DEPTH ? tile->rows - i : MANY_DEPTH, left = tile->n_features - j;
    /* No vector is left alone. */
    const ptrdiff_t columns = left <= NAME(STRIP) + LANES ? left : NAME(STRIP);
    return (NAME(piece)){to, (const real *)tile->x + i * tile->ldx + j, rows, columns, tile->ldx, steps, 0, 0};
}

/* grad += residual xᵀ: for a depth of samples, strip by strip of features, which are packed into panels. */
static void NAME(many_gradient)(real *grad_inout, const fs_tile *tile) {
    const ptrdiff_t width = (tile->n_features + LANES - 1) / LANES * LANES, n_outputs = tile->n_outputs;
    const real *const residual = tile->z;
    real *packed = tile->work, *other = packed + NAME(GRADIENT_WORK) / 2;
    const ptrdiff_t fetch_bytes = tile->rows * tile->n_features * tile->fetch_size / 2;
    const ptrdiff_t n_groups = (n_outputs + NAME(GROUP) - 1) / NAME(GROUP);
    const ptrdiff_t n_blocks = (n_outputs + MANY_ROWS - 1) / MANY_ROWS;
    const ptrdiff_t n_pieces =
        (tile->rows + MANY_DEPTH - 1) / MANY_DEPTH * ((tile->n_features + NAME(STRIP) - 1) / NAME(STRIP));
    ptrdiff_t n_done = 0;
    NAME(piece) strip = NAME(strip)(packed, tile, 0, 0, 1);
    NAME(copy_step)(&strip);
    for (ptrdiff_t i = 0, j = 0; i < tile->rows;) {
        const ptrdiff_t next_j = j + strip.columns < tile->n_features ? j + strip.columns : 0;
        const ptrdiff_t next_i = next_j > 0 ? i : i + strip.rows, n_vectors = (strip.columns + LANES - 1) / LANES;
        const ptrdiff_t steps = (n_vectors + MANY_VECTORS - 1) / MANY_VECTORS * n_blocks;
        NAME(piece) next = {.steps = 1};
        if (next_i < tile->rows) next = NAME(strip)(other, tile, next_i, next_j, steps);
        NAME(meanwhile) meanwhile = {.next = &next,
                                     .near = fs_ahead_part(NULL, 0, 0, 1, 1),
                                     .far = fs_ahead_part(tile->fetch, fetch_bytes, n_done++, n_pieces, steps),
                                     .product = tile->product};
        for (ptrdiff_t group = 0; group < n_groups; group++) {
            const ptrdiff_t k = group * n_outputs / n_groups, outputs = (group + 1) * n_outputs / n_groups - k;
            for (ptrdiff_t v = 0, vectors; v < n_vectors; v += vectors) {
                vectors = fs_panel_vectors(n_vectors - v, MANY_VECTORS);
                NAME(many_rows)(grad_inout + k * width + j + v * LANES, residual + k * tile->ldz + i,
                                strip.to + v * LANES * MANY_DEPTH, &meanwhile, outputs, vectors, strip.rows, width,
                                tile->ldz);
            }
        }
        other = strip.to;
        strip = next;
        i = next_i;
        j = next_j;
    }
}
