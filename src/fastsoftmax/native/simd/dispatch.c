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
extern const fs_rounded fs_rounded_avx512_bf16;
#endif
#ifdef FS_HAVE_AMX
extern const fs_rounded fs_rounded_amx;
#endif

/* A set is a table, and products of bfloat16 where it has some. */
static const struct {
    const fs_simd *table;
    const fs_rounded *rounded;
} sets[] = {
    {&fs_simd_baseline, NULL},
#ifdef FS_HAVE_AVX2
    {&fs_simd_avx2, NULL},
#endif
#ifdef FS_HAVE_AVX512
    {&fs_simd_avx512, NULL},
#endif
#ifdef FS_HAVE_AVX512_BF16
    {&fs_simd_avx512, &fs_rounded_avx512_bf16},
#endif
#ifdef FS_HAVE_AMX
    {&fs_simd_avx512, &fs_rounded_amx},
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

#define FAMILY(name) #name,
const char *const fs_family_names[FS_N_FAMILIES] = {
#include "families/families.inc"
};
#undef FAMILY

#if defined(__x86_64__)
/* What CPUID says of the processor, by leaf and register, and what XGETBV says of the registers that the operating
 * system saves: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, "CPUID", and volume 1,
 * "Enabling the XSAVE feature set". The compilers' __builtin_cpu_supports does not do: Clang 14 does not know F16C
 * there. */
enum { LEAF_1_ECX, LEAF_7_EBX, LEAF_7_EDX, LEAF_7_1_EAX, XCR0, N_WORDS };

#define BIT(n) (1u << (n))
#define FMA_F16C (BIT(12) | BIT(29))
#define AVX2 BIT(5)
#define AVX512_F_DQ_BW_VL (BIT(16) | BIT(17) | BIT(30) | BIT(31))
#define AVX512_BF16 BIT(5)
#define AMX_BF16_TILE (BIT(22) | BIT(24))
#define YMM_STATE (BIT(1) | BIT(2))
#define TILE_STATE (BIT(17) | BIT(18))
#ifdef __APPLE__
#define ZMM_STATE YMM_STATE /* macOS saves the rest from its first use on, and says so only then */
#else
#define ZMM_STATE (YMM_STATE | BIT(5) | BIT(6) | BIT(7))
#endif

static const struct {
    const char *name;
    unsigned words[N_WORDS];
} needs[] = {
    {"avx2", {[LEAF_1_ECX] = FMA_F16C, [LEAF_7_EBX] = AVX2, [XCR0] = YMM_STATE}},
    {"avx512", {[LEAF_1_ECX] = FMA_F16C, [LEAF_7_EBX] = AVX2 | AVX512_F_DQ_BW_VL, [XCR0] = ZMM_STATE}},
    {"avx512_bf16",
     {[LEAF_1_ECX] = FMA_F16C,
      [LEAF_7_EBX] = AVX2 | AVX512_F_DQ_BW_VL,
      [LEAF_7_1_EAX] = AVX512_BF16,
      [XCR0] = ZMM_STATE}},
    {"amx",
     {[LEAF_1_ECX] = FMA_F16C,
      [LEAF_7_EBX] = AVX2 | AVX512_F_DQ_BW_VL,
      [LEAF_7_EDX] = AMX_BF16_TILE,
      [LEAF_7_1_EAX] = AVX512_BF16,
      [XCR0] = ZMM_STATE | TILE_STATE}},
};

/* All zero where the operating system saves nothing that only XGETBV tells of. */
static void read_processor(unsigned words_out[N_WORDS]) {
    enum { OSXSAVE = 1 << 27 };
    unsigned eax, ebx, ecx, edx, high;
    memset(words_out, 0, N_WORDS * sizeof *words_out);
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OSXSAVE)) return;
    words_out[LEAF_1_ECX] = ecx;
    __asm__("xgetbv" : "=a"(words_out[XCR0]), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    words_out[LEAF_7_EBX] = ebx;
    words_out[LEAF_7_EDX] = edx;
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) words_out[LEAF_7_1_EAX] = eax;
}

/* Linux lets a process use the matrix unit that asks for it: kernel documentation, "Using XSTATE features in user space
 * applications". */
static int amx_allowed(void) {
#ifdef __linux__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA) == 0;
#else
    return 0;
#endif
}
#endif

int fs_simd_available(const char *name) {
    if (strcmp(name, "baseline") == 0) return 1;
#if defined(__x86_64__)
    unsigned words[N_WORDS];
    read_processor(words);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (strcmp(name, needs[i].name) != 0) continue;
        for (int w = 0; w < N_WORDS; w++) {
            if ((words[w] & needs[i].words[w]) != needs[i].words[w]) return 0;
        }
        return strcmp(name, "amx") != 0 || amx_allowed();
    }
#endif
    return 0;
}

/* Bfloat16 has eight significant bits; what multiplies it, and is faster than float32's vectors, is told by
 * measurement: AMD's instruction does twice the products of a vector of float32 in the time of one, Intel's costs two
 * of these. Intel's matrix unit halves the time of a large Gram matrix; a pass, which brings its numbers from memory
 * and rounds them anew, takes as long with it as without. */
static const fs_use vectors = {0};
static const fs_use instruction = {
    .pass = {[FS_ROUGH] = {FS_ROUNDED, FS_MANY_CLASSES}},
    .gram = {[FS_FAST] = {FS_ROUNDED, 1}, [FS_ROUGH] = {FS_ROUNDED, 1}},
};
static const fs_use matrix_unit = {
    .gram = {[FS_ROUGH] = {FS_ROUNDED, 256}},
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

static fs_simd active;
const fs_simd *fs_active = &fs_simd_baseline;
const char *fs_active_name = "baseline";
const fs_use *fs_active_use = &vectors;

int fs_simd_activate(const char *name) {
    for (int i = (int)(sizeof sets / sizeof sets[0]) - 1; i >= 0; i--) {
        if ((name == NULL || strcmp(name, names[i]) == 0) && fs_simd_available(names[i])) {
            active = *sets[i].table;
            if (sets[i].rounded != NULL) {
                active.f32.rounded_panel = sets[i].rounded->panel;
                active.f32.gram_pack[1] = sets[i].rounded->gram_pack;
                active.f32.gram_block[1] = sets[i].rounded->gram_block;
            }
            fs_active = &active;
            fs_active_name = names[i];
            fs_active_use = fs_use_of(names[i], fs_vendor());
            return 1;
        }
    }
    return 0;
}
