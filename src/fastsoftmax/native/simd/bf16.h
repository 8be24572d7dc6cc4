/* Products of bfloat16, of which one vector instruction multiplies and adds two: as pairs, the first in the low half of
 * an element, the second in the high half. Included once, for float32. */

/* Two vectors rounded to bfloat16. */
INLINE __m512i bf16_pairs(__m512 first, __m512 second) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

#define PANEL_NAME(operation) bf16_##operation
#define PANEL_ELEMENT int32_t
#define PANEL_SAMPLE int32_t
#define PANEL_VECTOR __m512i
#define PANEL_LOAD(p) _mm512_loadu_si512(p)
#define PANEL_MULTIPLY_ADD(sum, a, x) _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(a), (__m512bh)(x))
#include "panel.h"

#ifndef __AMX_BF16__
enum { BF16_ROWS = 4 * PANEL_CLASSES }; /* rows of a that are pairs at a time */

/* count ≤ 2 LANES elements of a row as pairs, zeros after them. */
INLINE __m512i bf16_row(const float *a, ptrdiff_t count) {
    const __mmask32 mask = count < 2 * LANES ? ((__mmask32)1 << count) - 1 : ~(__mmask32)0;
    const __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, a);
    const __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> LANES), a + LANES);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* What `panel` computes, of numbers rounded to bfloat16: out (n_classes, vectors · LANES) += a x. */
static void bf16_rounded_panel(float *out, const float *a, const float *x, ptrdiff_t n_classes, ptrdiff_t vectors,
                               ptrdiff_t inner, ptrdiff_t ldo, ptrdiff_t lda) {
    enum { STEPS = PANEL_DEPTH / 2 };
    const ptrdiff_t ldx = vectors * LANES;
    int32_t x_pairs[STEPS * WIDTH] __attribute__((aligned(VECTOR_BYTES)));
    int32_t a_pairs[BF16_ROWS * STEPS] __attribute__((aligned(VECTOR_BYTES)));
    for (ptrdiff_t i = 0; i < inner; i += 2) {
        for (ptrdiff_t j = 0; j < vectors * LANES; j += LANES) {
            const __m512 second = _mm512_maskz_loadu_ps(i + 1 < inner ? 0xffff : 0, x + (i + 1) * ldx + j);
            _mm512_store_si512(x_pairs + i / 2 * WIDTH + j, bf16_pairs(load(x + i * ldx + j), second));
        }
    }
    fs_fetch none = fs_fetch_start(NULL, 0, 0);
    for (ptrdiff_t k = 0; k < n_classes; k += BF16_ROWS) {
        const ptrdiff_t rows = n_classes - k < BF16_ROWS ? n_classes - k : BF16_ROWS;
        for (ptrdiff_t r = 0; r < rows; r++) {
            const float *row = a + (k + r) * lda;
            for (ptrdiff_t i = 0; i < inner; i += 2 * LANES) {
                /* The next rows are on their way meanwhile. */
                if (k + r + BF16_ROWS < n_classes) {
                    __builtin_prefetch(row + BF16_ROWS * lda + i);
                    __builtin_prefetch(row + BF16_ROWS * lda + i + LANES);
                }
                _mm512_store_si512(a_pairs + r * STEPS + i / 2, bf16_row(row + i, inner - i));
            }
        }
        bf16_panel(out + k * ldo, a_pairs, x_pairs, &none, rows, vectors, (vectors - 1) * LANES, (inner + 1) / 2, ldo,
                   STEPS, WIDTH);
    }
}
#endif
