/* Which instruction sets are compiled in (FS_HAVE_*, from meson.build) and which of them this machine can run. */
#include "simd.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

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
#ifdef FS_HAVE_AMX
extern const fs_simd fs_simd_amx;
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
#ifdef FS_HAVE_AMX
    &fs_simd_amx,
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
#ifdef FS_HAVE_AMX
    "amx",
#endif
    NULL,
};

const char *const *fs_simd_compiled(void) { return names; }

#if defined(__x86_64__)
/* Whether the processor has the matrix unit and the operating system saves its registers and lets this process use them,
 * which Linux wants to be asked (kernel documentation, "Using XSTATE features in user space applications"). */
static int amx_allowed(void) {
#ifdef __linux__
    enum { LEAF_FEATURES = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, XTILE_CONFIG = 1 << 17, XTILE_DATA = 1 << 18 };
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILE_DATA = 18 };
    const unsigned features = AMX_BF16 | AMX_TILE, states = XTILE_CONFIG | XTILE_DATA;
    unsigned eax, ebx, ecx, edx, enabled, high;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
    if (!__get_cpuid_count(LEAF_FEATURES, 0, &eax, &ebx, &ecx, &edx) || (edx & features) != features) return 0;
    __asm__("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    return (enabled & states) == states && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA) == 0;
#else
    return 0;
#endif
}
#endif

int fs_simd_available(const char *name) {
    if (strcmp(name, "baseline") == 0) return 1;
#if defined(__x86_64__)
    /* The compiler's own test: it asks the processor (CPUID) and whether the operating system saves the registers
     * (XGETBV). */
    __builtin_cpu_init();
    if (strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const int avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
    if (strcmp(name, "avx512") == 0) return avx512;
    const int avx512_bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
    if (strcmp(name, "avx512_bf16") == 0) return avx512_bf16;
    if (strcmp(name, "amx") == 0) return avx512_bf16 && amx_allowed();
#endif
    return 0;
}

/* Bfloat16 has eight significant bits; what multiplies it, and is faster than float32's vectors, is told by measurement:
 * AMD's instruction does twice the products of a vector of float32 in the time of one, Intel's costs two of these, and
 * Intel's matrix unit pays where its panels are large. None pays for more exact products, of three or six parts. */
static const fs_use vectors = {0};
static const fs_use instruction = {
    .pass = {[FS_ROUGH] = {FS_ONE_PART, FS_MANY_CLASSES}},
    .gram = {[FS_FAST] = {FS_ONE_PART, 1}, [FS_ROUGH] = {FS_ONE_PART, 1}},
};
static const fs_use matrix_unit = {
    .pass = {[FS_ROUGH] = {FS_ONE_PART, 256}},
    .gram = {[FS_ROUGH] = {FS_ONE_PART, 256}},
};

int fs_vendor(void) {
#if defined(__x86_64__)
    unsigned highest, name[3];
    if (__get_cpuid(0, &highest, &name[0], &name[2], &name[1]) &&
        (memcmp(name, "AuthenticAMD", 12) == 0 || memcmp(name, "HygonGenuine", 12) == 0))
        return FS_AMD;
#endif
    return FS_OTHERS;
}

const fs_use *fs_use_of(const char *name, int vendor) {
    if (strcmp(name, "amx") == 0) return &matrix_unit;
    if (strcmp(name, "avx512_bf16") == 0 && vendor == FS_AMD) return &instruction;
    return &vectors;
}

const fs_simd *fs_active = &fs_simd_baseline;
const fs_use *fs_active_use = &vectors;

int fs_simd_activate(const char *name) {
    for (int i = (int)(sizeof tables / sizeof tables[0]) - 1; i >= 0; i--) {
        if ((name == NULL || strcmp(name, names[i]) == 0) && fs_simd_available(names[i])) {
            fs_active = tables[i];
            fs_active_use = fs_use_of(names[i], fs_vendor());
            return 1;
        }
    }
    return 0;
}
