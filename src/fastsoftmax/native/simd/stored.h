/* The kinds of elements that may be stored, made into tiles of either dtype. Included once for each. */
#define STORED float
#define STORED_NAME(operation) NAME(operation##_from_f32)
#define VALUE(e) (e)
#include "widen.h"
#define STORED fs_half
#define STORED_NAME(operation) NAME(operation##_from_f16)
#define VALUE(e) fs_half_value(e)
#if FS_DIRECT && DTYPE_IS_F32
#define VALUES(p) fs_from_f16(p)
#endif
#include "widen.h"
#define STORED fs_bfloat
#define STORED_NAME(operation) NAME(operation##_from_bf16)
#define VALUE(e) fs_bfloat_value(e)
#include "widen.h"
#define STORED uint8_t
#define STORED_NAME(operation) NAME(operation##_from_u8)
#define VALUE(e) (e)
#include "widen.h"
#define STORED int8_t
#define STORED_NAME(operation) NAME(operation##_from_i8)
#define VALUE(e) (e)
#include "widen.h"
