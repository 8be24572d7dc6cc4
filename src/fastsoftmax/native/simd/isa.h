/* What an instruction set's flags give: the size of a vector, the blocks that the registers hold, and how what is
 * stored becomes a vector. For the sources that are compiled once for each set, with -DISA=name. */
#ifndef FASTSOFTMAX_ISA_H
#define FASTSOFTMAX_ISA_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "simd.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined(__AVX512F__) || defined(__aarch64__) /* 32 registers */
#define CLASS_BLOCK 5   /* ROW_BLOCK x CLASS_BLOCK sums, CLASS_BLOCK weights and a sample */
#define MANY_ROWS 8     /* MANY_ROWS x MANY_VECTORS sums; the rows divide FS_MANY_TILE_ROWS */
#define MANY_VECTORS 3
#define MANY_DEPTH 128  /* inner dimension of a panel of many classes: it stays in the first-level cache */
#define PANEL_CLASSES 5 /* PANEL_CLASSES x PANEL_VECTORS sums, PANEL_VECTORS vectors of the panel, one factor */
#define PANEL_VECTORS 4
#else /* 16 */
#define CLASS_BLOCK 3
#define MANY_ROWS 6
#define MANY_VECTORS 2
#define MANY_DEPTH 192
#define PANEL_CLASSES 4
#define PANEL_VECTORS 3
#endif

#define MANY_GROUP_BYTES 960 /* logits of a sample that are summed before the next are, as many residuals */
#define MANY_STRIP_BYTES 576 /* features of a sample that are packed together for the gradient */

#define ROW_BLOCK 4      /* samples that one step of tile_logits computes together; divides FS_ROW_ALIGN */
#define CHUNK_BYTES 3200 /* features of a sample that are multiplied before the next block of classes is */
#define NEAR_BYTES 512   /* distance at which tile_logits brings long samples to the first-level cache */
#define SUM_CLASSES 32   /* classes whose sum is rounded to the dtype at every term */
#define CSR_AHEAD 16     /* samples whose entries are brought to the cache ahead */
#define CSR_VECTORS 4    /* vectors of classes whose logits are summed together */
#define CSR_FOURS 6      /* times four classes whose gradients are */
/* Inner dimension of a panel: what of it is packed stays in the first-level cache. */
#define PANEL_DEPTH FS_PANEL_DEPTH

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
/* The name of a set's table. */
#define TABLE_(table, isa) table##_##isa
#define TABLE(table, isa) TABLE_(table, isa)
#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

/* Keeps a loaded vector in its register: some compilers would rather load it again for each of its uses. */
#if defined(__AVX512F__)
#define KEEP(v) __asm__("" : "+v"(v))
#elif defined(__SSE2__)
#define KEEP(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define KEEP(v) __asm__("" : "+w"(v))
#else
#define KEEP(v)
#endif

#if defined(__clang__)
#define SHUFFLE2(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define SHUFFLE2(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Memory on its way to the cache: a few bytes with every step of a loop, in the order of their addresses, which the
 * processor's own prefetching then runs ahead of. Left to itself it stops whenever a loop does not read memory. */
typedef struct {
    const char *at;
    ptrdiff_t step, stride, second;
} fs_fetch;

/* Over two blocks of classes, or twice as fast over the only one. */
INLINE fs_fetch fs_fetch_start(const void *at, ptrdiff_t stride, int twice) {
    if (at == NULL) return (fs_fetch){(const char *)&fs_active, 0, 0, 0};
    if (twice) return (fs_fetch){at, 0, 2 * stride, stride};
    return (fs_fetch){at, 0, stride, 0};
}

INLINE void fs_fetch_block(fs_fetch *fetch, ptrdiff_t block) { fetch->step = block < 2 ? fetch->stride : 0; }

INLINE void fs_fetch_step(fs_fetch *fetch) {
    __builtin_prefetch(fetch->at);
    __builtin_prefetch(fetch->at + fetch->second);
    fetch->at += fetch->step;
}

/* The halves of float32's width are stored as integers: no compiler has arithmetic for them on every processor. */
typedef uint16_t fs_half, fs_bfloat;

INLINE float fs_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The upper half of a float32's bits. */
INLINE float fs_bfloat_value(fs_bfloat bits) { return fs_bits((uint32_t)bits << 16); }

/* Five bits of exponent, ten of the fraction: moved to where float32 has them, and scaled by the difference of the
 * exponents' biases, which makes subnormal numbers normal. Infinity and NaN have the largest exponent in both. */
INLINE float fs_half_value(fs_half bits) {
    const uint32_t size = (uint32_t)(bits & 0x7fff) << 13, sign = (uint32_t)(bits & 0x8000) << 16;
    const float value = fs_bits(size) * 0x1p112f;
    uint32_t out;
    memcpy(&out, &value, sizeof out);
    return fs_bits(out | sign | (size >= 0x7c00u << 13 ? 0x7f800000 : 0));
}

/* A vector of what is stored, as float32; without instructions for it, tiles are made of samples first. */
#if defined(__AVX512F__)
#define FS_DIRECT 1
#define fs_load_half(p) _mm256_loadu_si256((const void *)(p))
#define fs_load_quarter(p) _mm_loadu_si128((const void *)(p))
#define fs_from_f16(p) _mm512_cvtph_ps(fs_load_half(p))
#define fs_from_bf16(p) _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(fs_load_half(p)), 16))
#define fs_from_u8(p) _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(fs_load_quarter(p)))
#define fs_from_i8(p) _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(fs_load_quarter(p)))
#elif defined(__F16C__)
#define FS_DIRECT 1
#define fs_load_half(p) _mm_loadu_si128((const void *)(p))
#define fs_load_quarter(p) _mm_loadl_epi64((const void *)(p))
#define fs_from_f16(p) _mm256_cvtph_ps(fs_load_half(p))
#define fs_from_bf16(p) _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(fs_load_half(p)), 16))
#define fs_from_u8(p) _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(fs_load_quarter(p)))
#define fs_from_i8(p) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(fs_load_quarter(p)))
#else
#define FS_DIRECT 0
#endif

typedef double fs_four __attribute__((vector_size(32)));
typedef double fs_four_loose __attribute__((vector_size(32), aligned(8), may_alias));

#endif
