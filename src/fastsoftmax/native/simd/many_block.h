/* The block of many classes, with BLOCK_NAME and BLOCK_STEP as many.h defines them. */
#define BLOCK_FETCH NAME(meanwhile)
#define BLOCK_ROWS MANY_ROWS
#define BLOCK_VECTORS MANY_VECTORS
#define BLOCK_ELEMENT real
#define BLOCK_SAMPLE real
#define BLOCK_VECTOR vec
#define BLOCK_LOAD(p) load(p)
#define BLOCK_MULTIPLY_ADD(sum, a, x) ((sum) + (a) * (x))
#define BLOCK_SCOPE APART
#include "block.h"
