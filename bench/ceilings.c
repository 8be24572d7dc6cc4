/* What the machine can do at all: multiply-adds a second, and bytes read from memory a second.

   Compiled where it is measured, with -O3 -march=native -fopenmp. GNU C: vectors are of the widest registers that the
   target has, and a * b + c is contracted to one instruction where it has one. Nothing here is timed: the caller does. */

#include <stddef.h>
#include <stdint.h>
#include <omp.h>

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, SUMS = 24 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32, SUMS = 12 };
#elif defined(__x86_64__)
enum { VECTOR_BYTES = 16, SUMS = 12 };
#else
enum { VECTOR_BYTES = 16, SUMS = 24 };
#endif

#define UNROLL _Pragma("GCC unroll 32")

/* A result that is stored here cannot be optimised away. */
volatile double sink;

/* Each thread: sum_s = sum_s * factor + term, `rounds` times for SUMS independent vectors, so that the latency of one
   multiply-add is hidden behind the others and no memory is touched. Returns the operations done by all threads, a multiply-add
   being two. */
#define MULTIPLY_ADDS(NAME, REAL)                                                                            \
    double NAME(ptrdiff_t rounds, REAL factor, REAL term, int num_threads)                                   \
    {                                                                                                        \
        typedef REAL vector __attribute__((vector_size(VECTOR_BYTES)));                                      \
        enum { LANES = VECTOR_BYTES / sizeof(REAL) };                                                        \
        double total = 0, operations = 0;                                                                    \
        _Pragma("omp parallel num_threads(num_threads) reduction(+ : total, operations)")                    \
        {                                                                                                    \
            vector factors = factor - (vector){0}, terms = term - (vector){0}, sum[SUMS];                    \
            UNROLL for (int s = 0; s < SUMS; s++) sum[s] = terms * (REAL) s;                                 \
            for (ptrdiff_t r = 0; r < rounds; r++) {                                                         \
                UNROLL for (int s = 0; s < SUMS; s++) sum[s] = sum[s] * factors + terms;                     \
            }                                                                                                \
            UNROLL for (int s = 1; s < SUMS; s++) sum[0] += sum[s];                                          \
            for (int l = 0; l < LANES; l++) total += sum[0][l];                                              \
            operations += 2.0 * SUMS * LANES * (double) rounds;                                              \
        }                                                                                                    \
        sink = total;                                                                                        \
        return operations;                                                                                   \
    }

MULTIPLY_ADDS(multiply_adds_float32, float)
MULTIPLY_ADDS(multiply_adds_float64, double)

/* A buffer is `blocks` blocks of STREAMS × UNIT vectors, and each thread reads a run of them as STREAMS sequential streams, which
   keeps more cache lines on their way than one stream does. */
enum { STREAMS = 4, UNIT = 4 };
typedef uint64_t words __attribute__((vector_size(VECTOR_BYTES)));

const size_t block_bytes = STREAMS * UNIT * sizeof(words);

/* The blocks of one thread: the same in fill and sum, so that memory is near the thread that reads it. */
static ptrdiff_t first_block(ptrdiff_t blocks, int thread)
{
    return blocks * thread / omp_get_num_threads();
}

/* Every word of the buffer becomes one. */
void fill(words* buffer_out, ptrdiff_t blocks, int num_threads)
{
    #pragma omp parallel num_threads(num_threads)
    {
        int thread = omp_get_thread_num();
        ptrdiff_t start = first_block(blocks, thread), stop = first_block(blocks, thread + 1);
        for (ptrdiff_t v = start * STREAMS * UNIT; v < stop * STREAMS * UNIT; v++) buffer_out[v] = (words){0} + 1;
    }
}

/* The sum of all words of the buffer. */
uint64_t sum(const words* buffer, ptrdiff_t blocks, int num_threads)
{
    uint64_t total = 0;
    #pragma omp parallel num_threads(num_threads) reduction(+ : total)
    {
        int thread = omp_get_thread_num();
        ptrdiff_t start = first_block(blocks, thread), stop = first_block(blocks, thread + 1);
        ptrdiff_t stream = (stop - start) * UNIT;
        const words* part = buffer + start * STREAMS * UNIT;
        words sums[STREAMS][UNIT] = {{{0}}};
        for (ptrdiff_t v = 0; v < stream; v += UNIT) {
            UNROLL for (int s = 0; s < STREAMS; s++) {
                UNROLL for (int u = 0; u < UNIT; u++) sums[s][u] += part[s * stream + v + u];
            }
        }
        words all = {0};
        for (int s = 0; s < STREAMS; s++) {
            for (int u = 0; u < UNIT; u++) all += sums[s][u];
        }
        for (size_t l = 0; l < sizeof(words) / sizeof(uint64_t); l++) total += all[l];
    }
    return total;
}
