/* The row functions of all families, and their table. Included once for each dtype. */
#include "families.inc"

#define FAMILY(name) &NAME(family_##name),
static const fs_family *const NAME(families)[FS_N_FAMILIES] = {
#include "families.inc"
};
#undef FAMILY
