/* The panel product of float32 on the matrix unit, AMX: every number is split into three bfloat16, whose eight
 * significant bits each add up to the 24 of a float32, and products of parts are added in float32. Included once, for
 * many classes.
 *
 * Six products, of the parts whose places add up to no more than the last, are as exact as float32 itself; three leave
 * an error of some 5e-6, and one is that of bfloat16. Samples that were bytes or bfloat16 have one part that is not
 * zero, those that were float16 two: their products with the others are left out. The bits of a float32 beyond that are
 * lost at either end: a product of less than 2^-126 is zero. */

enum {
    AMX_SIDE = 16,               /* rows of a matrix tile, and its columns of float32 or of pairs */
    AMX_ROWS = 2 * AMX_SIDE,     /* a block of sums is two tiles high and two wide */
    AMX_STEPS = PANEL_DEPTH / 2, /* pairs along the inner dimension */
    AMX_PARTS = 3,
};

/* Which part of a with which of x, the smallest products first, so that they are not rounded away one by one. */
static const struct {
    int8_t a, x;
} amx_terms[6] = {{0, 2}, {2, 0}, {1, 1}, {0, 1}, {1, 0}, {0, 0}};

/* v = high + middle + low, each rounded to bfloat16. */
INLINE void amx_split(__m256i parts_out[AMX_PARTS], __m512 v) {
    UNROLL for (int part = 0; part < AMX_PARTS; part++) {
        const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(v);
        parts_out[part] = rounded;
        v -= (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16);
    }
}

/* The panel, (inner, columns), as pairs of rows: (AMX_PARTS, steps, width), zeros past the columns. Returns how many parts
 * are not all zero. */
INLINE int amx_split_panel(int32_t *pairs_out, const float *x, ptrdiff_t inner, ptrdiff_t columns, ptrdiff_t steps,
                           ptrdiff_t width) {
    __m512i bits[AMX_PARTS] = {0};
    for (ptrdiff_t s = 0; s < steps; s++) {
        for (ptrdiff_t j = 0; j < width; j += AMX_SIDE) {
            __m256i even[AMX_PARTS], odd[AMX_PARTS];
            const __m512 zero = _mm512_setzero_ps();
            amx_split(even, 2 * s < inner && j < columns ? _mm512_loadu_ps(x + 2 * s * columns + j) : zero);
            amx_split(odd, 2 * s + 1 < inner && j < columns ? _mm512_loadu_ps(x + (2 * s + 1) * columns + j) : zero);
            UNROLL for (int part = 0; part < AMX_PARTS; part++) {
                const __m512i low = _mm512_cvtepu16_epi32(even[part]), high = _mm512_cvtepu16_epi32(odd[part]);
                const __m512i pairs = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
                _mm512_storeu_si512(pairs_out + (part * AMX_STEPS + s) * width + j, pairs);
                bits[part] = _mm512_or_si512(bits[part], pairs);
            }
        }
    }
    int parts = AMX_PARTS;
    while (parts > 1 && _mm512_test_epi32_mask(bits[parts - 1], bits[parts - 1]) == 0) parts--;
    return parts;
}

/* AMX_ROWS rows of a, zeros where there are fewer: (AMX_PARTS, AMX_ROWS, 2 AMX_STEPS) bfloat16. */
INLINE void amx_split_rows(int16_t *rows_out, const float *a, ptrdiff_t rows, ptrdiff_t inner, ptrdiff_t steps,
                           ptrdiff_t lda) {
    for (ptrdiff_t k = 0; k < AMX_ROWS; k++) {
        for (ptrdiff_t i = 0; i < 2 * steps; i += AMX_SIDE) {
            const ptrdiff_t left = k < rows ? inner - i : 0;
            const __mmask16 mask = left >= AMX_SIDE ? 0xffff : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
            __m256i parts[AMX_PARTS];
            amx_split(parts, _mm512_maskz_loadu_ps(mask, a + k * lda + i));
            UNROLL for (int part = 0; part < AMX_PARTS; part++) {
                _mm256_storeu_si256((__m256i *)(rows_out + (part * AMX_ROWS + k) * 2 * AMX_STEPS + i), parts[part]);
            }
        }
    }
}

/* sums (AMX_ROWS, AMX_ROWS) = a block of a times two tiles of columns of the panel. */
INLINE void amx_block(float *sums_out, const int16_t *a, const int32_t *x, int x_parts, int terms, ptrdiff_t steps,
                      ptrdiff_t width) {
    const ptrdiff_t row_bytes = 2 * AMX_STEPS * sizeof(int16_t), panel_bytes = width * sizeof(int32_t);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int term = 6 - terms; term < 6; term++) {
        if (amx_terms[term].x >= x_parts) continue;
        const int16_t *a_part = a + amx_terms[term].a * AMX_ROWS * 2 * AMX_STEPS;
        const int32_t *x_part = x + amx_terms[term].x * AMX_STEPS * width;
        for (ptrdiff_t s = 0; s < steps; s += AMX_SIDE) {
            _tile_loadd(4, a_part + 2 * s, row_bytes);
            _tile_loadd(5, a_part + AMX_SIDE * 2 * AMX_STEPS + 2 * s, row_bytes);
            _tile_loadd(6, x_part + s * width, panel_bytes);
            _tile_loadd(7, x_part + s * width + AMX_SIDE, panel_bytes);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    const ptrdiff_t sums_bytes = AMX_ROWS * sizeof(float);
    _tile_stored(0, sums_out, sums_bytes);
    _tile_stored(1, sums_out + AMX_SIDE, sums_bytes);
    _tile_stored(2, sums_out + AMX_SIDE * AMX_ROWS, sums_bytes);
    _tile_stored(3, sums_out + AMX_SIDE * AMX_ROWS + AMX_SIDE, sums_bytes);
}

/* out (rows, vectors · AMX_SIDE) += a block of a times the panel. */
INLINE void amx_multiply(float *out, const int16_t *a, const int32_t *x, int x_parts, int terms, ptrdiff_t rows,
                         ptrdiff_t vectors, ptrdiff_t steps, ptrdiff_t ldo, ptrdiff_t width) {
    float sums[AMX_ROWS * AMX_ROWS] __attribute__((aligned(64)));
    for (ptrdiff_t v = 0; v < vectors; v += 2) {
        amx_block(sums, a, x + v * AMX_SIDE, x_parts, terms, steps, width);
        for (ptrdiff_t k = 0; k < rows; k++) {
            for (ptrdiff_t t = 0; t < 2 && v + t < vectors; t++) {
                float *o = out + k * ldo + (v + t) * AMX_SIDE;
                _mm512_storeu_ps(o, _mm512_loadu_ps(o) + _mm512_load_ps(sums + k * AMX_ROWS + t * AMX_SIDE));
            }
        }
    }
}

INLINE void amx_configure(void) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

/* What `panel` computes, by the last `terms` products of parts: out (n_classes, vectors · AMX_SIDE) += a x. */
static void amx_panel(float *out, const float *a, const float *x, int terms, ptrdiff_t n_classes, ptrdiff_t vectors,
                      ptrdiff_t inner, ptrdiff_t ldo, ptrdiff_t lda, ptrdiff_t width) {
    int32_t x_parts[AMX_PARTS * AMX_STEPS * PANEL_VECTORS * AMX_SIDE] __attribute__((aligned(64)));
    int16_t a_parts[AMX_PARTS * AMX_ROWS * 2 * AMX_STEPS] __attribute__((aligned(64)));
    /* Pairs, in whole tiles. */
    const ptrdiff_t steps = (inner + 2 * AMX_SIDE - 1) / (2 * AMX_SIDE) * AMX_SIDE;
    const int parts = amx_split_panel(x_parts, x, inner, vectors * AMX_SIDE, steps, width);
    amx_configure();
    for (ptrdiff_t k = 0; k < n_classes; k += AMX_ROWS) {
        const ptrdiff_t rows = n_classes - k < AMX_ROWS ? n_classes - k : AMX_ROWS;
        amx_split_rows(a_parts, a + k * lda, rows, inner, steps, lda);
        amx_multiply(out + k * ldo, a_parts, x_parts, parts, terms, rows, vectors, steps, ldo, width);
    }
    _tile_release();
}

/* out (width rows) += a x for a (width, 2 AMX_STEPS) and a panel x that are bfloat16 already. */
static void amx_panel_of_pairs(float *out, const int32_t *a, const int32_t *x, ptrdiff_t n_panels, ptrdiff_t ldo,
                               ptrdiff_t width) {
    amx_configure();
    for (ptrdiff_t p = 0; p < n_panels; p++) {
        for (ptrdiff_t k = 0; k < width; k += AMX_ROWS) {
            amx_multiply(out + k * ldo + p * width, (const int16_t *)(a + k * AMX_STEPS), x + p * width * 2 * AMX_STEPS,
                         1, 1, AMX_ROWS, width / AMX_SIDE, AMX_STEPS, ldo, width);
        }
    }
    _tile_release();
}
