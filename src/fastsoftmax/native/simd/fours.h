/* Logits of few classes and short samples: a vector holds FOUR_CLASSES classes times four features. The same four
 * features of a sample are multiplied with all classes of a vector, so that only four lanes must be added in the end,
 * and features are rounded up to fours, not to vectors. */

enum {
    NAME(FOUR_CLASSES) = LANES / 4,
    NAME(FOUR_GROUPS) = 3, /* vectors of classes at most */
    NAME(FOUR_ROWS) = 8,   /* samples that are computed together; divides FS_ROW_ALIGN */
    NAME(MOST_FOURS) = 32, /* features of a sample at most, in fours */
};

typedef real NAME(eight) __attribute__((vector_size(8 * sizeof(real)), aligned(sizeof(real)), may_alias));

/* How the features are cut: the last fours are those that end with the sample, since the last vector of W is. */
typedef struct {
    ptrdiff_t n_fours, head; /* those before the last vector */
    ptrdiff_t skipped;       /* fours of the last vector that are zero in W */
    ptrdiff_t groups;
} NAME(fours);

INLINE NAME(fours) NAME(fours_of)(ptrdiff_t n_features, ptrdiff_t n_logits) {
    const ptrdiff_t n_vectors = (n_features + LANES - 1) / LANES;
    return (NAME(fours)){(n_features + 3) / 4, (n_vectors - 1) * (LANES / 4), (n_vectors * LANES - n_features) / 4,
                         (n_logits + NAME(FOUR_CLASSES) - 1) / NAME(FOUR_CLASSES)};
}

/* Whether this takes fewer instructions than whole vectors of features do, whose sixteen lanes are added up. */
INLINE int NAME(fours_pay)(const fs_tile *tile) {
    const NAME(fours) cut = NAME(fours_of)(tile->n_features, tile->n_logits);
    const ptrdiff_t n_vectors = (tile->n_features + LANES - 1) / LANES;
    return tile->storage == FS_F32 && cut.groups <= NAME(FOUR_GROUPS) && cut.n_fours <= NAME(MOST_FOURS) &&
           4 * cut.n_fours * cut.groups <= 3 * tile->n_logits * (n_vectors + 2);
}

INLINE vec NAME(join_fours)(__m128 a, __m128 b, __m128 c, __m128 d) {
    const vec ab = _mm512_insertf32x4(_mm512_castps128_ps512(a), b, 1);
    return _mm512_insertf32x4(_mm512_insertf32x4(ab, c, 2), d, 3);
}

/* Vectors of W: for every four features the groups of classes, zero past the last class; and b, each class four times.
 * Each is stored whole: it is loaded again at once, and would wait for parts. */
INLINE void NAME(pack_fours)(vec *W_out, vec *b_out, const real *W, const real *b, const NAME(fours) *cut,
                             ptrdiff_t n_logits, ptrdiff_t width) {
    static const real zeros[4 * NAME(MOST_FOURS) + LANES];
    for (ptrdiff_t g = 0; g < cut->groups; g++) {
        const real *row[NAME(FOUR_CLASSES)];
        real bias[NAME(FOUR_CLASSES)];
        for (int c = 0; c < NAME(FOUR_CLASSES); c++) {
            const ptrdiff_t k = g * NAME(FOUR_CLASSES) + c;
            row[c] = k < n_logits ? W + k * width : zeros;
            bias[c] = k < n_logits ? b[k] : 0;
        }
        b_out[g] = NAME(join_fours)(_mm_set1_ps(bias[0]), _mm_set1_ps(bias[1]), _mm_set1_ps(bias[2]),
                                    _mm_set1_ps(bias[3]));
        for (ptrdiff_t q = 0; q < cut->n_fours; q++) {
            const ptrdiff_t j = 4 * (q < cut->head ? q : q + cut->skipped);
            W_out[q * cut->groups + g] = NAME(join_fours)(_mm_loadu_ps(row[0] + j), _mm_loadu_ps(row[1] + j),
                                                          _mm_loadu_ps(row[2] + j), _mm_loadu_ps(row[3] + j));
        }
    }
}

/* sum_ig += ⟨four features of the classes of group g, those of x_i at j⟩ */
INLINE void NAME(add_four)(vec sum[NAME(FOUR_ROWS)][NAME(FOUR_GROUPS)], const real *const x[NAME(FOUR_ROWS)],
                           ptrdiff_t j, const vec *W, fs_fetch *fetch, const int groups) {
    vec weight[NAME(FOUR_GROUPS)];
    UNROLL for (int g = 0; g < groups; g++) {
        weight[g] = W[g];
        KEEP(weight[g]);
    }
    fs_fetch_step(fetch);
    UNROLL for (int i = 0; i < NAME(FOUR_ROWS); i++) {
        vec sample = _mm512_broadcast_f32x4(_mm_loadu_ps(x[i] + j));
        KEEP(sample);
        UNROLL for (int g = 0; g < groups; g++) sum[i][g] += weight[g] * sample;
    }
}

/* z_ik = Σ_j W_kj x_ij + b_k for FOUR_ROWS samples. */
INLINE void NAME(fours_block)(real *z_out, const real *const x[NAME(FOUR_ROWS)], const vec *W, const vec *b,
                              fs_fetch *fetch, const int groups, const NAME(fours) *cut, ptrdiff_t n_logits,
                              ptrdiff_t n_features, ptrdiff_t ldz) {
    vec sum[NAME(FOUR_ROWS)][NAME(FOUR_GROUPS)];
    ptrdiff_t q = 0;
    UNROLL for (int i = 0; i < NAME(FOUR_ROWS); i++) {
        UNROLL for (int g = 0; g < groups; g++) sum[i][g] = (vec){0};
    }
    for (; q < cut->head; q++) NAME(add_four)(sum, x, 4 * q, W + q * groups, fetch, groups);
    for (; q < cut->n_fours; q++) {
        NAME(add_four)(sum, x, n_features - 4 * (cut->n_fours - q), W + q * groups, fetch, groups);
    }
    UNROLL for (int g = 0; g < groups; g++) {
        const vec first[4] = {sum[0][g], sum[1][g], sum[2][g], sum[3][g]};
        const vec second[4] = {sum[4][g], sum[5][g], sum[6][g], sum[7][g]};
        const vec low = NAME(sum_fours)(first) + b[g], high = NAME(sum_fours)(second) + b[g];
        /* Two classes a vector, each with all eight samples. */
        const vec pair[2] = {SHUFFLE2(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
                             SHUFFLE2(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)};
        const ptrdiff_t k = g * NAME(FOUR_CLASSES);
        UNROLL for (int c = 0; c < NAME(FOUR_CLASSES); c++) {
            if (k + c < n_logits) *(NAME(eight) *)(z_out + (k + c) * ldz) = ((const NAME(eight) *)&pair[c / 2])[c % 2];
        }
    }
}

/* z = W x + b for z (n_classes, rows), where fours_pay. */
static void NAME(fours_logits)(const fs_tile *tile, const real *W, const real *b) {
    const NAME(fours) cut = NAME(fours_of)(tile->n_features, tile->n_logits);
    const ptrdiff_t rows = tile->rows, n_logits = tile->n_logits, n_features = tile->n_features;
    real *const z_out = tile->z;
    vec packed[NAME(MOST_FOURS) * NAME(FOUR_GROUPS)], bias[NAME(FOUR_GROUPS)];
    fs_fetch fetch = fs_fetch_start(tile->fetch, LANES * tile->fetch_size, tile->fetch_all);
    fs_fetch_block(&fetch, 0);
    NAME(pack_fours)(packed, bias, W, b, &cut, n_logits, (n_features + LANES - 1) / LANES * LANES);
    /* Past the last sample too, as far as the row functions read. */
    for (ptrdiff_t i = 0; i < (rows + LANES - 1) / LANES * LANES; i += NAME(FOUR_ROWS)) {
        const real *sample[NAME(FOUR_ROWS)];
        for (int r = 0; r < NAME(FOUR_ROWS); r++) {
            sample[r] = (const real *)tile->x + (i + r < rows ? i + r : rows - 1) * tile->ldx;
        }
#define CASE(G)                                                                                                       \
    case G:                                                                                                           \
        NAME(fours_block)(z_out + i, sample, packed, bias, &fetch, G, &cut, n_logits, n_features, tile->ldz);         \
        break;
        switch (cut.groups) { CASE(1) CASE(2) CASE(3) }
#undef CASE
    }
}
