/* The two matrix products of a tile: logits z = W x + b, dot products over the features, and gradient += r xᵀ. */

typedef real NAME(four) __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

#if LANES == 16
/* Of each of four vectors the sums of four lanes, four vectors' side by side. */
INLINE vec NAME(sum_fours)(const vec v[4]) {
    vec ab = SHUFFLE2(v[0], v[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
             SHUFFLE2(v[0], v[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    vec cd = SHUFFLE2(v[2], v[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
             SHUFFLE2(v[2], v[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    return SHUFFLE2(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           SHUFFLE2(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}
#endif

/* out[0..3] += the sums of the lanes of four vectors. Interleaving two vectors inside their 128-bit quarters and
 * adding keeps every lane busy: 13 instructions for 16 lanes, where four separate sums would take 32, and none that
 * competes with the multiply-adds. */
INLINE void NAME(sum_lanes)(real *out, const vec v[4]) {
#if LANES == 2
    vec ab = SHUFFLE2(v[0], v[1], 0, 2) + SHUFFLE2(v[0], v[1], 1, 3);
    vec cd = SHUFFLE2(v[2], v[3], 0, 2) + SHUFFLE2(v[2], v[3], 1, 3);
    store(out, load(out) + ab);
    store(out + 2, load(out + 2) + cd);
#elif LANES == 4
    vec ab = SHUFFLE2(v[0], v[1], 0, 4, 1, 5) + SHUFFLE2(v[0], v[1], 2, 6, 3, 7);
    vec cd = SHUFFLE2(v[2], v[3], 0, 4, 1, 5) + SHUFFLE2(v[2], v[3], 2, 6, 3, 7);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 4, 5) + SHUFFLE2(ab, cd, 2, 3, 6, 7);
    store(out, load(out) + abcd);
#elif LANES == 8 && VECTOR_BYTES == 32
    vec ab = SHUFFLE2(v[0], v[1], 0, 8, 1, 9, 4, 12, 5, 13) + SHUFFLE2(v[0], v[1], 2, 10, 3, 11, 6, 14, 7, 15);
    vec cd = SHUFFLE2(v[2], v[3], 0, 8, 1, 9, 4, 12, 5, 13) + SHUFFLE2(v[2], v[3], 2, 10, 3, 11, 6, 14, 7, 15);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE2(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    abcd += SHUFFLE2(abcd, abcd, 4, 5, 6, 7, 0, 1, 2, 3);
    *(NAME(four) *)out += *(NAME(four) *)&abcd;
#elif LANES == 8
    vec ab = SHUFFLE2(v[0], v[1], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE2(v[0], v[1], 1, 9, 3, 11, 5, 13, 7, 15);
    vec cd = SHUFFLE2(v[2], v[3], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE2(v[2], v[3], 1, 9, 3, 11, 5, 13, 7, 15);
    vec abcd = SHUFFLE2(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE2(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    abcd += SHUFFLE2(abcd, abcd, 4, 5, 6, 7, 0, 1, 2, 3);
    *(NAME(four) *)out += *(NAME(four) *)&abcd;
#elif LANES == 16
    vec abcd = NAME(sum_fours)(v);
    abcd += SHUFFLE2(abcd, abcd, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    abcd += SHUFFLE2(abcd, abcd, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    *(NAME(four) *)out += *(NAME(four) *)&abcd;
#endif
}

#define STORED real
#define FEW_NAME(operation) NAME(operation)
#define SAMPLES(p) load(p)
#include "few.h"
#if DTYPE_IS_F32 && FS_DIRECT
#define STORED fs_half
#define FEW_NAME(operation) NAME(operation##_of_f16)
#define SAMPLES(p) fs_from_f16(p)
#include "few.h"
#define STORED fs_bfloat
#define FEW_NAME(operation) NAME(operation##_of_bf16)
#define SAMPLES(p) fs_from_bf16(p)
#include "few.h"
#define STORED uint8_t
#define FEW_NAME(operation) NAME(operation##_of_u8)
#define SAMPLES(p) fs_from_u8(p)
#include "few.h"
#define STORED int8_t
#define FEW_NAME(operation) NAME(operation##_of_i8)
#define SAMPLES(p) fs_from_i8(p)
#include "few.h"
#endif

/* z_ik = b_k */
INLINE void NAME(start_logits)(const fs_tile *tile, const real *b) {
    for (ptrdiff_t k = 0; k < tile->n_logits; k++) {
        real *const z_k = (real *)tile->z + k * tile->ldz;
        for (ptrdiff_t i = 0; i < tile->rows; i += LANES) store(z_k + i, (vec){0} + b[k]);
    }
}

#include "many.h"
#if LANES == 16
#include "fours.h"
#endif

/* The products of few classes by what the samples are stored as. */
#if DTYPE_IS_F32 && FS_DIRECT
#define BY_STORAGE(operation)                                                                                         \
    {[FS_F32] = NAME(operation), [FS_F16] = NAME(operation##_of_f16), [FS_BF16] = NAME(operation##_of_bf16),          \
     [FS_U8] = NAME(operation##_of_u8), [FS_I8] = NAME(operation##_of_i8)}
#else
#define BY_STORAGE(operation) {[DTYPE_IS_F32 ? FS_F32 : FS_F64] = NAME(operation)}
#endif

static void NAME(tile_logits)(const fs_tile *tile, const real *W, const real *b) {
    static void (*const few_logits[FS_N_STORAGE])(const fs_tile *, const real *, fs_fetch *) = BY_STORAGE(few_logits);
    if (tile->n_logits >= FS_MANY_CLASSES) {
        NAME(many_logits)(tile, W, b);
        return;
    }
#if LANES == 16
    if (NAME(fours_pay)(tile)) {
        NAME(fours_logits)(tile, W, b);
        return;
    }
#endif
    NAME(start_logits)(tile, b);
    const int twice = tile->fetch_all || tile->n_logits <= CLASS_BLOCK;
    fs_fetch ahead = fs_fetch_start(tile->fetch, LANES * tile->fetch_size, twice);
    few_logits[tile->storage](tile, W, &ahead);
}

static void NAME(tile_gradient)(real *grad_inout, const fs_tile *tile) {
    static void (*const few_gradient[FS_N_STORAGE])(real *, const fs_tile *, fs_fetch *) = BY_STORAGE(few_gradient);
    if (tile->n_outputs >= FS_MANY_CLASSES) {
        NAME(many_gradient)(grad_inout, tile);
        return;
    }
    const ptrdiff_t fetch_bytes = LANES * tile->fetch_size * PANEL_VECTORS / ROW_BLOCK;
    fs_fetch ahead = fs_fetch_start(tile->fetch, fetch_bytes, tile->n_outputs <= PANEL_CLASSES);
    few_gradient[tile->storage](grad_inout, tile, &ahead);
}
#undef BY_STORAGE
