/* One pass of softmax regression, loss and gradient, six times: each version is the one before with a single change, and
   the last is what src/fastsoftmax/native/simd does for a few classes. float32, one thread, n_features a multiple of
   LANES and n_samples of TILE.

   Compiled where it is measured, with -O3 -march=native. GNU C: vectors are of the widest registers that the target has.
   All have the same arguments: x (n, N) and W (K, N) in C order, labels y (n,), grad_out (K, N); they return the sum of
   the losses. The intercept, which changes nothing here, is left out. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16, CLASSES = 5, VECTORS = 4 };
#elif defined(__AVX__)
enum { LANES = 8, CLASSES = 3, VECTORS = 3 };
#else
enum { LANES = 4, CLASSES = 3, VECTORS = 3 };
#endif
enum { ROWS = 4, TILE = 64, MAX_CLASSES = 32 };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef int32_t loose_ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define load(p) (*(const loose *)(p))
#define store(p, v) (*(loose *)(p) = (v))
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))
#define PASS(name)                                                                                                     \
    double name(float *grad_out, const float *x, const float *W, const int32_t *y, ptrdiff_t n, ptrdiff_t N, ptrdiff_t K)

const int tile_rows = TILE, lanes = LANES, max_classes = MAX_CLASSES;

INLINE float sum(vec v) {
    float total = 0;
    for (int l = 0; l < LANES; l++) total += v[l];
    return total;
}

/* Logits of one sample to residuals, in place. */
INLINE double softmax_residual(float *z, int32_t label, ptrdiff_t K) {
    float peak = z[0], total = 0;
    for (ptrdiff_t k = 1; k < K; k++) peak = z[k] > peak ? z[k] : peak;
    const double below = peak - z[label];
    for (ptrdiff_t k = 0; k < K; k++) total += z[k] = expf(z[k] - peak);
    for (ptrdiff_t k = 0; k < K; k++) z[k] /= total;
    z[label] -= 1;
    return below + log(total);
}

/* 1: the textbook. A sample at a time; the compiler may not reorder the sums of floats, so the dot products stay scalar,
   one addition waiting for the other. */
PASS(textbook) {
    double loss = 0;
    memset(grad_out, 0, K * N * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i++) {
        float z[MAX_CLASSES];
        for (ptrdiff_t k = 0; k < K; k++) {
            z[k] = 0;
            for (ptrdiff_t j = 0; j < N; j++) z[k] += W[k * N + j] * x[i * N + j];
        }
        loss += softmax_residual(z, y[i], K);
        for (ptrdiff_t k = 0; k < K; k++) {
            for (ptrdiff_t j = 0; j < N; j++) grad_out[k * N + j] += z[k] * x[i * N + j];
        }
    }
    return loss;
}

/* 2: dot products in the lanes of a vector. Every multiply-add still loads two vectors, and in the gradient stores one. */
PASS(vectors) {
    double loss = 0;
    memset(grad_out, 0, K * N * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i++) {
        float z[MAX_CLASSES];
        for (ptrdiff_t k = 0; k < K; k++) {
            vec total = {0};
            for (ptrdiff_t j = 0; j < N; j += LANES) total += load(W + k * N + j) * load(x + i * N + j);
            z[k] = sum(total);
        }
        loss += softmax_residual(z, y[i], K);
        for (ptrdiff_t k = 0; k < K; k++) {
            for (ptrdiff_t j = 0; j < N; j += LANES) {
                store(grad_out + k * N + j, load(grad_out + k * N + j) + z[k] * load(x + i * N + j));
            }
        }
    }
    return loss;
}

/* ROWS samples times `classes` classes: a vector that was loaded is used ROWS or `classes` times, and as many sums are
   under way as hide the latency of an addition. */
INLINE void logits_block(float *z, const float *x, const float *W, const int classes, ptrdiff_t N, ptrdiff_t ldz,
                         const int near, const char **fetch, ptrdiff_t step) {
    vec total[CLASSES][ROWS];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int i = 0; i < ROWS; i++) total[k][i] = (vec){0};
    }
    for (ptrdiff_t j = 0; j < N; j += LANES) {
        vec sample[ROWS];
        UNROLL for (int i = 0; i < ROWS; i++) {
            if (near) __builtin_prefetch(x + i * N + j + 128);
            sample[i] = load(x + i * N + j);
        }
        if (near) {
            __builtin_prefetch(*fetch);
            *fetch += step;
        }
        UNROLL for (int k = 0; k < classes; k++) {
            const vec weight = load(W + k * N + j);
            UNROLL for (int i = 0; i < ROWS; i++) total[k][i] += weight * sample[i];
        }
    }
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int i = 0; i < ROWS; i++) z[k * ldz + i] = sum(total[k][i]);
    }
}

INLINE void tile_logits(float *z, const float *x, const float *W, ptrdiff_t rows, ptrdiff_t N, ptrdiff_t K, ptrdiff_t ldz,
                        const int near, const char *fetch) {
    for (ptrdiff_t k = 0, left = K; left > 0; left = K - k) {
        const ptrdiff_t classes = left >= CLASSES ? CLASSES : left, step = k < 2 * CLASSES ? 4 * LANES : 0;
        for (ptrdiff_t i = 0; i < rows; i += ROWS) {
            float *out = z + k * ldz + i;
            switch (classes) {
                case 1: logits_block(out, x + i * N, W + k * N, 1, N, ldz, near, &fetch, step); break;
                case 2: logits_block(out, x + i * N, W + k * N, 2, N, ldz, near, &fetch, step); break;
                case 3: logits_block(out, x + i * N, W + k * N, 3, N, ldz, near, &fetch, step); break;
                case 4: logits_block(out, x + i * N, W + k * N, CLASSES < 4 ? 1 : 4, N, ldz, near, &fetch, step); break;
                case 5: logits_block(out, x + i * N, W + k * N, CLASSES < 5 ? 1 : 5, N, ldz, near, &fetch, step); break;
            }
        }
        k += classes;
    }
}

/* `classes` classes times `vectors` vectors of the gradient stay in registers over all samples of the tile. */
INLINE void gradient_block(float *grad, const float *x, const float *z, const int classes, const int vectors,
                           ptrdiff_t rows, ptrdiff_t N, ptrdiff_t ldz, const int near, const char **fetch,
                           ptrdiff_t step) {
    vec total[CLASSES][VECTORS];
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < vectors; v++) total[k][v] = load(grad + k * N + v * LANES);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        vec sample[VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) sample[v] = load(x + i * N + v * LANES);
        if (near) {
            __builtin_prefetch(*fetch);
            *fetch += step;
        }
        UNROLL for (int k = 0; k < classes; k++) {
            UNROLL for (int v = 0; v < vectors; v++) total[k][v] += z[k * ldz + i] * sample[v];
        }
    }
    UNROLL for (int k = 0; k < classes; k++) {
        UNROLL for (int v = 0; v < vectors; v++) store(grad + k * N + v * LANES, total[k][v]);
    }
}

INLINE void tile_gradient(float *grad, const float *x, const float *z, ptrdiff_t rows, ptrdiff_t N, ptrdiff_t K,
                          ptrdiff_t ldz, const int near, const char *fetch) {
    for (ptrdiff_t j = 0; j < N;) {
        const ptrdiff_t vectors = (N - j) / LANES >= VECTORS ? VECTORS : 1;
        for (ptrdiff_t k = 0, left = K; left > 0; left = K - k) {
            const ptrdiff_t classes = left >= CLASSES ? CLASSES : 1, step = k < 2 * CLASSES ? LANES * vectors : 0;
            float *g = grad + k * N + j;
            const float *r = z + k * ldz;
            if (classes == CLASSES && vectors == VECTORS)
                gradient_block(g, x + j, r, CLASSES, VECTORS, rows, N, ldz, near, &fetch, step);
            else if (classes == CLASSES)
                gradient_block(g, x + j, r, CLASSES, 1, rows, N, ldz, near, &fetch, step);
            else if (vectors == VECTORS)
                gradient_block(g, x + j, r, 1, VECTORS, rows, N, ldz, near, &fetch, step);
            else
                gradient_block(g, x + j, r, 1, 1, rows, N, ldz, near, &fetch, step);
            k += classes;
        }
        j += vectors * LANES;
    }
}

/* The residuals of a tile, a sample at a time through the scalar function. */
INLINE double tile_residual(float *z, const int32_t *y, ptrdiff_t rows, ptrdiff_t K, ptrdiff_t ldz) {
    double loss = 0;
    for (ptrdiff_t i = 0; i < rows; i++) {
        float row[MAX_CLASSES];
        for (ptrdiff_t k = 0; k < K; k++) row[k] = z[k * ldz + i];
        loss += softmax_residual(row, y[i], K);
        for (ptrdiff_t k = 0; k < K; k++) z[k * ldz + i] = row[k];
    }
    return loss;
}

/* 3: sums in registers, over all samples at once. The multiplications are as fast as they get, but X comes from memory
   twice, and the logits go there and back: what two calls of BLAS do. */
PASS(two_products) {
    static float z[MAX_CLASSES * (1 << 20)];
    memset(grad_out, 0, K * N * sizeof(float));
    tile_logits(z, x, W, n, N, K, n, 0, NULL);
    const double loss = tile_residual(z, y, n, K, n);
    tile_gradient(grad_out, x, z, n, N, K, n, 0, NULL);
    return loss;
}

/* 4: a tile of samples at a time, small enough to be in the cache when the gradient reads it again. */
PASS(tiles) {
    double loss = 0;
    float z[MAX_CLASSES * TILE];
    memset(grad_out, 0, K * N * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i += TILE) {
        tile_logits(z, x + i * N, W, TILE, N, K, TILE, 0, NULL);
        loss += tile_residual(z, y + i, TILE, K, TILE);
        tile_gradient(grad_out, x + i * N, z, TILE, N, K, TILE, 0, NULL);
    }
    return loss;
}

/* exp(x) for x <= 0: 2^n exp(r), exp(r) by its series. */
INLINE vec exponential(vec x) {
    const vec magic = (vec){0} + 12582912.0f, lowest = (vec){0} - 87.0f;
    const ivec low = x < lowest;
    x = (vec)((low & (ivec)lowest) | (~low & (ivec)x));
    const vec shifted = x * 1.44269504f + magic, n = shifted - magic;
    const vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    vec p = (vec){0} + 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    return p * (vec)(((ivec)shifted - (ivec)magic + 127) << 23);
}

/* The residuals of a tile, LANES samples at a time: logits are stored a class after the other for this. */
INLINE double vector_residual(float *z_inout, const int32_t *y, ptrdiff_t rows, ptrdiff_t K, ptrdiff_t ldz) {
    double loss = 0;
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        float *z = z_inout + i;
        const ivec label = *(const loose_ivec *)(y + i);
        vec peak = load(z), total = {0}, chosen = {0};
        for (ptrdiff_t k = 1; k < K; k++) {
            const vec z_k = load(z + k * ldz);
            const ivec larger = z_k > peak;
            peak = (vec)((larger & (ivec)z_k) | (~larger & (ivec)peak));
        }
        for (ptrdiff_t k = 0; k < K; k++) {
            const vec below = load(z + k * ldz) - peak, e = exponential(below);
            chosen += (vec)((label == (int32_t)k) & (ivec)below);
            total += e;
            store(z + k * ldz, e);
        }
        const vec inverse = 1 / total, one = (vec){0} + 1;
        for (ptrdiff_t k = 0; k < K; k++) {
            store(z + k * ldz, load(z + k * ldz) * inverse - (vec)((label == (int32_t)k) & (ivec)one));
        }
        for (int l = 0; l < LANES; l++) loss += logf(total[l]) - chosen[l];
    }
    return loss;
}

/* 5: the exponentials in vectors. */
PASS(vector_exp) {
    double loss = 0;
    float z[MAX_CLASSES * TILE];
    memset(grad_out, 0, K * N * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i += TILE) {
        tile_logits(z, x + i * N, W, TILE, N, K, TILE, 0, NULL);
        loss += vector_residual(z, y + i, TILE, K, TILE);
        tile_gradient(grad_out, x + i * N, z, TILE, N, K, TILE, 0, NULL);
    }
    return loss;
}

/* 6: the next tile is fetched, in the order of its addresses and a cache line with every step, while this one computes;
   and what the logits are about to read comes from the second-level cache to the first. */
PASS(fetch_ahead) {
    double loss = 0;
    float z[MAX_CLASSES * TILE];
    memset(grad_out, 0, K * N * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i += TILE) {
        const char *next = (const char *)(x + (i + TILE < n ? i + TILE : i) * N);
        tile_logits(z, x + i * N, W, TILE, N, K, TILE, 1, next);
        loss += vector_residual(z, y + i, TILE, K, TILE);
        tile_gradient(grad_out, x + i * N, z, TILE, N, K, TILE, 1, next + TILE * N * sizeof(float) / 2);
    }
    return loss;
}
