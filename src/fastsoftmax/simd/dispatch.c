/* Which instruction sets are compiled in (FS_HAVE_*, from meson.build) and which of them this machine can run. */
#include "simd.h"

#include <string.h>

extern const fs_simd fs_simd_baseline;
#ifdef FS_HAVE_AVX2
extern const fs_simd fs_simd_avx2;
#endif
#ifdef FS_HAVE_AVX512
extern const fs_simd fs_simd_avx512;
#endif
#ifdef FS_HAVE_AVX512_BF16
extern const fs_simd fs_simd_avx512_bf16;
#endif

static const fs_simd *const tables[] = {
    &fs_simd_baseline,
#ifdef FS_HAVE_AVX2
    &fs_simd_avx2,
#endif
#ifdef FS_HAVE_AVX512
    &fs_simd_avx512,
#endif
#ifdef FS_HAVE_AVX512_BF16
    &fs_simd_avx512_bf16,
#endif
};
static const char *const names[] = {
    "baseline",
#ifdef FS_HAVE_AVX2
    "avx2",
#endif
#ifdef FS_HAVE_AVX512
    "avx512",
#endif
#ifdef FS_HAVE_AVX512_BF16
    "avx512_bf16",
#endif
    NULL,
};

const char *const *fs_simd_compiled(void) { return names; }

int fs_simd_available(const char *name) {
    if (strcmp(name, "baseline") == 0) return 1;
#if defined(__x86_64__)
    /* The compiler's own test: it asks the processor (CPUID) and whether the operating system saves the registers
     * (XGETBV). */
    __builtin_cpu_init();
    if (strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
    if (strcmp(name, "avx512") == 0) return avx512;
    if (strcmp(name, "avx512_bf16") == 0) return avx512 && __builtin_cpu_supports("avx512bf16");
#endif
    return 0;
}

const fs_simd *fs_active = &fs_simd_baseline;

int fs_simd_activate(const char *name) {
    for (int i = (int)(sizeof tables / sizeof tables[0]) - 1; i >= 0; i--) {
        if ((name == NULL || strcmp(name, names[i]) == 0) && fs_simd_available(names[i])) {
            fs_active = tables[i];
            return 1;
        }
    }
    return 0;
}
