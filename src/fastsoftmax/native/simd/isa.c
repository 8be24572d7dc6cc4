/* The operations for one instruction set: compiled with -DISA=name and that set's compiler flags.
 *
 * The source is GNU C vector extensions, so the same text becomes SSE2, AVX2, AVX-512 or NEON code; intrinsics stand
 * only where those have no word for an instruction: the maximum, 2^n, and products of bfloat16. VECTOR_BYTES follows
 * from what the flags enable; the blocks are as large as the registers hold.
 */
#include "isa.h"

#define DTYPE f32
#include "dtype.h"
#include "products.h"
#include "rows.h"
#include "row.h"
#include "outputs.h"
#include "families/table.h"
#include "cross_entropy.h"
#include "dual.h"
#define INDEX int32_t
#define CSR_NAME(operation) NAME(operation##_narrow)
#include "csr.h"
#define INDEX int64_t
#define CSR_NAME(operation) NAME(operation##_wide)
#include "csr.h"
#include "stored.h"
#define GRAM_NAME(operation) NAME(operation)
#define GRAM_IN_PAIRS 0
#define GRAM_PANEL NAME(panel)
#include "gram.h"
#include "dtype_end.h"

#define DTYPE f64
#include "dtype.h"
#include "products.h"
#include "rows.h"
#include "row.h"
#include "outputs.h"
#include "families/table.h"
#include "cross_entropy.h"
#include "dual.h"
#define INDEX int32_t
#define CSR_NAME(operation) NAME(operation##_narrow)
#include "csr.h"
#define INDEX int64_t
#define CSR_NAME(operation) NAME(operation##_wide)
#include "csr.h"
#include "stored.h"
#define STORED double
#define STORED_NAME(operation) NAME(operation##_from_f64)
#define VALUE(e) (e)
#include "widen.h"
#define GRAM_NAME(operation) NAME(operation)
#define GRAM_IN_PAIRS 0
#define GRAM_PANEL NAME(panel)
#include "gram.h"
#include "dtype_end.h"

#define OP(operation, dtype) .operation = PASTE(operation, dtype, ISA)
#define OPS(dtype, size)                                                                                              \
    {                                                                                                                 \
        .lanes = VECTOR_BYTES / size, .panel_width = PANEL_VECTORS * VECTOR_BYTES / size, OP(tile_logits, dtype),     \
        OP(tile_gradient, dtype), OP(families, dtype), OP(sum_samples, dtype), OP(log_softmax, dtype),                \
        OP(row_logits, dtype), OP(cross_entropy_row, dtype),                                                          \
        .gram_pack = {PASTE(gram_pack, dtype, ISA), PASTE(gram_pack, dtype, ISA)},                                    \
        .gram_block = {PASTE(gram_block, dtype, ISA), PASTE(gram_block, dtype, ISA)},                                 \
        .csr_logits = {PASTE(csr_logits_narrow, dtype, ISA), PASTE(csr_logits_wide, dtype, ISA)},                     \
        .csr_gradient = {PASTE(csr_gradient_narrow, dtype, ISA), PASTE(csr_gradient_wide, dtype, ISA)},               \
        .csr_dual_step = {PASTE(csr_dual_step_narrow, dtype, ISA), PASTE(csr_dual_step_wide, dtype, ISA)},            \
        .widen = WIDEN_##dtype, .direct = DIRECT_##dtype,                                                             \
    }
#define DIRECT_f64 (1 << FS_F64)
#if FS_DIRECT
#define DIRECT_f32 (1 << FS_F32 | 1 << FS_F16 | 1 << FS_BF16 | 1 << FS_U8 | 1 << FS_I8)
#else
#define DIRECT_f32 (1 << FS_F32)
#endif
#define WIDEN(stored, dtype) PASTE(widen_from_##stored, dtype, ISA)
#define WIDEN_STORED(dtype)                                                                                           \
    [FS_F32] = WIDEN(f32, dtype), [FS_F16] = WIDEN(f16, dtype), [FS_BF16] = WIDEN(bf16, dtype),                       \
    [FS_U8] = WIDEN(u8, dtype), [FS_I8] = WIDEN(i8, dtype)
#define WIDEN_f32 {WIDEN_STORED(f32)}
#define WIDEN_f64 {WIDEN_STORED(f64), [FS_F64] = WIDEN(f64, f64)}

const fs_simd TABLE(fs_simd, ISA) = {.f32 = OPS(f32, 4), .f64 = OPS(f64, 8)};
