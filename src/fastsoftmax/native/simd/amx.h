/* Products of bfloat16 on the matrix unit, AMX, added in float32: of the blocks of a rough Gram matrix. Included once.
 * A product of less than 2^-126 is zero. */

enum {
    AMX_SIDE = 16,               /* rows of a matrix tile, and its columns of float32 or of pairs */
    AMX_ROWS = 2 * AMX_SIDE,     /* a block of sums is two tiles high and two wide */
    AMX_STEPS = PANEL_DEPTH / 2, /* pairs along the inner dimension */
};

/* out (AMX_ROWS, AMX_ROWS) += AMX_ROWS rows of a, (AMX_ROWS, AMX_STEPS) pairs, times two tiles of columns of a panel. */
INLINE void amx_block(float *out, const int32_t *a, const int32_t *x, ptrdiff_t ldo, ptrdiff_t width) {
    const ptrdiff_t row_bytes = AMX_STEPS * sizeof(int32_t), panel_bytes = width * sizeof(int32_t);
    const ptrdiff_t sums_bytes = AMX_ROWS * sizeof(float);
    float sums[AMX_ROWS * AMX_ROWS] __attribute__((aligned(64)));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (ptrdiff_t s = 0; s < AMX_STEPS; s += AMX_SIDE) {
        _tile_loadd(4, a + s, row_bytes);
        _tile_loadd(5, a + AMX_SIDE * AMX_STEPS + s, row_bytes);
        _tile_loadd(6, x + s * width, panel_bytes);
        _tile_loadd(7, x + s * width + AMX_SIDE, panel_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, sums_bytes);
    _tile_stored(1, sums + AMX_SIDE, sums_bytes);
    _tile_stored(2, sums + AMX_SIDE * AMX_ROWS, sums_bytes);
    _tile_stored(3, sums + AMX_SIDE * AMX_ROWS + AMX_SIDE, sums_bytes);
    for (ptrdiff_t k = 0; k < AMX_ROWS; k++) {
        for (ptrdiff_t j = 0; j < AMX_ROWS; j += AMX_SIDE) {
            float *o = out + k * ldo + j;
            _mm512_storeu_ps(o, _mm512_loadu_ps(o) + _mm512_load_ps(sums + k * AMX_ROWS + j));
        }
    }
}

/* out (width, n_panels · width) += a x, for a (width, AMX_STEPS) and panels x (AMX_STEPS, width) of pairs, each of
 * which has room for twice as many. */
static void amx_panels(float *out, const int32_t *a, const int32_t *x, ptrdiff_t n_panels, ptrdiff_t ldo,
                       ptrdiff_t width) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
    for (ptrdiff_t p = 0; p < n_panels; p++) {
        for (ptrdiff_t k = 0; k < width; k += AMX_ROWS) {
            for (ptrdiff_t j = 0; j < width; j += AMX_ROWS) {
                amx_block(out + k * ldo + p * width + j, a + k * AMX_STEPS, x + p * width * PANEL_DEPTH + j, ldo, width);
            }
        }
    }
    _tile_release();
}
