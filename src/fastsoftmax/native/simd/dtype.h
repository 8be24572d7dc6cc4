/* Vectors of one dtype, and what its exponential needs to know of it. Included once with DTYPE defined as f32, once as
 * f64, each time with dtype_end.h after the operations. */
#define f32 1
#define f64 2
#if DTYPE == f32
#undef f32
#undef f64
#define DTYPE_IS_F32 1
#define real float
#define integer int32_t
#define LANES (VECTOR_BYTES / 4)
#define NAME(operation) PASTE(operation, f32, ISA)
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define EXP_LOWEST -104.0f      /* exp() of less is zero */
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define EXP_HIGHEST 89.0f /* exp() of more is infinite */
#define EXP_TERMS 7 /* enough to make the remainders of the series smaller than half a unit in the last place */
#define LOG_TERMS 5
#define REST_TERMS 10
#define SMALLEST 1.17549435e-38f /* the smallest normal number */
#else
#undef f32
#undef f64
#define DTYPE_IS_F32 0
#define real double
#define integer int64_t
#define LANES (VECTOR_BYTES / 8)
#define NAME(operation) PASTE(operation, f64, ISA)
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define EXP_LOWEST -746.0
#define ROUND_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define LN2_HIGH 6.93145751953125e-1
#define LN2_LOW 1.42860682030941723212e-6
#define EXP_HIGHEST 710.0
#define EXP_TERMS 13
#define LOG_TERMS 10
#define REST_TERMS 15
#define SMALLEST 2.2250738585072014e-308
#endif

typedef real NAME(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef real NAME(loose) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef integer NAME(ivec) __attribute__((vector_size(VECTOR_BYTES)));
typedef double NAME(dvec) __attribute__((vector_size(8 * LANES)));
typedef int64_t NAME(lvec) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
#define vec NAME(vec)
#define dvec NAME(dvec)
#define ivec NAME(ivec)
#define load(p) (*(const NAME(loose) *)(p))
#define store(p, v) (*(NAME(loose) *)(p) = (v))

/* Indices that interleave the first halves of two vectors, and the second. */
#if LANES == 2
#define ZIP_LOW 0, 2
#define ZIP_HIGH 1, 3
#elif LANES == 4
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#elif LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#endif

INLINE vec NAME(select)(ivec mask, vec yes, vec no) {
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* The larger, element by element; b where either is NaN (or NaN, where the processor prefers that). */
INLINE vec NAME(maximum)(vec a, vec b) {
#if defined(__AVX512F__) && LANES == 16
    return _mm512_max_ps(a, b);
#elif defined(__AVX512F__)
    return _mm512_max_pd(a, b);
#elif defined(__AVX__) && LANES == 8
    return _mm256_max_ps(a, b);
#elif defined(__AVX__)
    return _mm256_max_pd(a, b);
#elif defined(__SSE2__) && LANES == 4
    return _mm_max_ps(a, b);
#elif defined(__SSE2__)
    return _mm_max_pd(a, b);
#else
    return NAME(select)(a > b, a, b);
#endif
}

/* a 2^n for integers n; n_bits holds them as integers. */
INLINE vec NAME(times_power_of_two)(vec a, vec n, ivec n_bits) {
#if defined(__AVX512F__) && LANES == 16
    (void)n_bits;
    return _mm512_scalef_ps(a, n);
#elif defined(__AVX512F__)
    (void)n_bits;
    return _mm512_scalef_pd(a, n);
#else
    /* As two factors, so that results fade through the subnormal numbers. */
    const ivec half = n_bits >> 1;
    const vec scale_a = (vec)((half + EXPONENT_BIAS) << MANTISSA_BITS);
    const vec scale_b = (vec)((n_bits - half + EXPONENT_BIAS) << MANTISSA_BITS);
    (void)n;
    return a * scale_a * scale_b;
#endif
}

/* Elements of a vector times those of a panel. */
enum { NAME(WIDTH) = PANEL_VECTORS * LANES };
#define WIDTH NAME(WIDTH)

/* LANES x LANES elements: column by column of x, which has rows ldx apart. Each of log2(LANES) rounds zips the first
 * half of the vectors with the second. */
INLINE void NAME(transpose)(real *out, const real *const x[LANES], ptrdiff_t ldo) {
    vec v[LANES], w[LANES];
    UNROLL for (int i = 0; i < LANES; i++) v[i] = load(x[i]);
    UNROLL for (int round = 1; round < LANES; round *= 2) {
        UNROLL for (int i = 0; i < LANES / 2; i++) {
            w[2 * i] = SHUFFLE2(v[i], v[i + LANES / 2], ZIP_LOW);
            w[2 * i + 1] = SHUFFLE2(v[i], v[i + LANES / 2], ZIP_HIGH);
        }
        UNROLL for (int i = 0; i < LANES; i++) v[i] = w[i];
    }
    UNROLL for (int i = 0; i < LANES; i++) store(out + i * ldo, v[i]);
}
