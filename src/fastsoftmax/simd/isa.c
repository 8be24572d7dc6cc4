/* The operations for one instruction set: compiled with -DISA=name and that set's compiler flags.
 *
 * The source is GNU C vector extensions, so the same text becomes SSE2, AVX2, AVX-512 or NEON code.
 * VECTOR_BYTES follows from what the flags enable; the blocks are as large as the registers hold.
 */
#include <stdint.h>
#include <string.h>

#include "simd.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define CLASS_BLOCK 5   /* ROW_BLOCK x CLASS_BLOCK sums and ROW_BLOCK samples in 32 registers */
#define FEATURE_BLOCK 4 /* CLASS_BLOCK x FEATURE_BLOCK sums and FEATURE_BLOCK samples */
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define CLASS_BLOCK 3
#define FEATURE_BLOCK 3
#else
#define VECTOR_BYTES 16
#define CLASS_BLOCK 3
#define FEATURE_BLOCK 3
#endif

#define ROW_BLOCK 4     /* samples that one step of tile_logits computes together; divides FS_ROW_ALIGN */
#define PREFETCH_ROWS 8 /* samples between the one that is multiplied and the one that is fetched from memory */

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define SHUFFLE2(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define SHUFFLE2(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* The numbers of terms of the series of exp and log make their remainders smaller than half a unit in the last place. */
#define real float
#define integer int32_t
#define LANES (VECTOR_BYTES / 4)
#define NAME(operation) PASTE(operation, f32, ISA)
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define EXP_LOWEST -104.0f /* exp() of less is zero, */
#define EXP_HIGHEST 89.0f  /* of more is infinity */
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define EXP_TERMS 7
#define LOG_TERMS 5
#include "tile_ops.h"

#define real double
#define integer int64_t
#define LANES (VECTOR_BYTES / 8)
#define NAME(operation) PASTE(operation, f64, ISA)
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define EXP_LOWEST -746.0
#define EXP_HIGHEST 710.0
#define ROUND_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define LN2_HIGH 6.93145751953125e-1
#define LN2_LOW 1.42860682030941723212e-6
#define EXP_TERMS 13
#define LOG_TERMS 10
#include "tile_ops.h"

#define TABLE_(isa) fs_simd_##isa
#define TABLE(isa) TABLE_(isa)
#define STRING_(isa) #isa
#define STRING(isa) STRING_(isa)
#define OPS(dtype, size)                                                                                              \
    {VECTOR_BYTES / size, PASTE(tile_logits, dtype, ISA), PASTE(tile_gradient, dtype, ISA),                           \
     PASTE(shifted_exp, dtype, ISA), PASTE(log1p, dtype, ISA)}

const fs_simd TABLE(ISA) = {STRING(ISA), OPS(f32, 4), OPS(f64, 8)};
