/* The products of bfloat16 that an instruction set has beside those of vectors, for float32: compiled with -DISA=name
 * and that set's compiler flags. All else a set with these products has from AVX-512, see dispatch.c. */
#include "isa.h"

#ifdef __AMX_BF16__
#include "amx.h"
#endif

#define DTYPE f32
#include "dtype.h"
#include "bf16.h"
#define GRAM_NAME(operation) NAME(operation)
#define GRAM_IN_PAIRS 1
#define GRAM_PANEL bf16_panel
#include "gram.h"

const fs_rounded TABLE(fs_rounded, ISA) = {
#ifndef __AMX_BF16__
    .panel = bf16_rounded_panel,
#endif
    .gram_pack = NAME(gram_pack),
    .gram_block = NAME(gram_block),
};
#include "dtype_end.h"
