/* The tables of AVX-512 and of AMX on the same tiles, each against sums in long double: called by test_amx.py, on
   processors with a matrix unit and, with emulator.c linked in, without. Prints an error for every shape and product;
   asserts nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"

extern const fs_simd fs_simd_avx512;
extern const fs_rounded fs_rounded_amx;
static fs_simd amx; /* as dispatch.c makes it */
const fs_simd *fs_active = &amx;

static float *random_floats(size_t count) {
    float *values = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        double sum = 0; /* of four uniform numbers: close to normal */
        for (int k = 0; k < 4; k++) sum += rand() / (double)RAND_MAX - 0.5;
        values[i] = (float)sum;
    }
    return values;
}

static double relative(const float *actual, const double *expected, size_t rows, size_t columns, size_t ld) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            const double difference = actual[i * ld + j] - expected[i * columns + j];
            error += difference * difference;
            norm += expected[i * columns + j] * expected[i * columns + j];
        }
    }
    return sqrt(error / norm);
}

/* W as tile_logits has it, in panels. */
static float *pack(const float *W, ptrdiff_t n_features, ptrdiff_t n_classes, ptrdiff_t panel_width) {
    const ptrdiff_t padded = (n_classes + 15) / 16 * 16;
    float *panels = aligned_alloc(64, padded * n_features * sizeof(float));
    memset(panels, 0, padded * n_features * sizeof(float));
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        const ptrdiff_t first = k / panel_width * panel_width;
        const ptrdiff_t width = padded - first < panel_width ? padded - first : panel_width;
        for (ptrdiff_t j = 0; j < n_features; j++) {
            panels[first * n_features + j * width + k - first] = W[k * n_features + j];
        }
    }
    return panels;
}

/* n_features is a multiple of 16, so that no vector overlaps another. Samples are random floats, or whole numbers: below
   256, which one bfloat16 holds, or below 2048, which two do. */
static void check(ptrdiff_t rows, ptrdiff_t n_features, ptrdiff_t n_classes, int below) {
    const ptrdiff_t ldz = (rows + FS_ROW_ALIGN - 1) / FS_ROW_ALIGN * FS_ROW_ALIGN;
    float *x = random_floats(rows * n_features), *W = random_floats(n_classes * n_features);
    for (ptrdiff_t i = 0; below && i < rows * n_features; i++) x[i] = (float)(rand() % below);
    float *b = random_floats(n_classes), *residual = random_floats(n_classes * ldz);
    float *z = calloc(n_classes * ldz, sizeof(float)), *grad = malloc(n_classes * n_features * sizeof(float));
    double *logits = malloc(n_classes * rows * sizeof(double)), *sums = malloc(n_classes * n_features * sizeof(double));
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            long double sum = b[k];
            for (ptrdiff_t j = 0; j < n_features; j++) sum += (long double)W[k * n_features + j] * x[i * n_features + j];
            logits[k * rows + i] = sum;
        }
        for (ptrdiff_t j = 0; j < n_features; j++) {
            long double sum = 0;
            for (ptrdiff_t i = 0; i < rows; i++) sum += (long double)residual[k * ldz + i] * x[i * n_features + j];
            sums[k * n_features + j] = sum;
        }
    }
    const struct {
        const char *name;
        const fs_ops_f32 *ops;
        int parts;
    } products[] = {{"vector", &fs_simd_avx512.f32, FS_VECTORS}, {"exact", &amx.f32, FS_SIX_PARTS},
                    {"fast", &amx.f32, FS_THREE_PARTS}, {"rough", &amx.f32, FS_ONE_PART}};
    for (int p = 0; p < 4; p++) {
        float *panels = pack(W, n_features, n_classes, products[p].ops->many_width);
        void *work = aligned_alloc(64, (products[p].ops->work_bytes + 63) / 64 * 64);
        fs_tile tile = {.rows = rows, .n_outputs = n_classes, .n_logits = n_classes, .x = x, .ldx = n_features,
                        .n_features = n_features, .storage = FS_F32, .parts = products[p].parts, .z = z, .ldz = ldz, .work = work};
        products[p].ops->tile_logits(&tile, panels, b);
        memset(grad, 0, n_classes * n_features * sizeof(float));
        tile.z = residual;
        products[p].ops->tile_gradient(grad, &tile);
        printf("%td %td %td %d %s %.3e %.3e\n", rows, n_features, n_classes, below, products[p].name,
               relative(z, logits, n_classes, rows, ldz), relative(grad, sums, n_classes, n_features, n_features));
        free(panels), free(work);
    }
    free(x), free(W), free(b), free(residual), free(z), free(grad), free(logits), free(sums);
}

static void check_gram(ptrdiff_t rows) {
    enum { WIDTH = 64, DEPTH = FS_PANEL_DEPTH };
    static float columns[WIDTH * DEPTH], panel[WIDTH * DEPTH], out[WIDTH * WIDTH];
    static double sums[WIDTH * WIDTH];
    float *x = random_floats(rows * WIDTH), *weight = random_floats(rows);
    memset(out, 0, sizeof out);
    fs_rounded_amx.gram_pack(columns, panel, x, rows, WIDTH, WIDTH);
    fs_rounded_amx.gram_block(out, columns, panel, weight, rows, 1, WIDTH);
    for (ptrdiff_t j = 0; j < WIDTH; j++) {
        for (ptrdiff_t l = 0; l < WIDTH; l++) {
            sums[j * WIDTH + l] = 0;
            for (ptrdiff_t i = 0; i < rows; i++) sums[j * WIDTH + l] += (double)weight[i] * x[i * WIDTH + j] * x[i * WIDTH + l];
        }
    }
    printf("%td %d %d 0 gram %.3e %.3e\n", rows, WIDTH, WIDTH, relative(out, sums, WIDTH, WIDTH, WIDTH), 0.0);
    free(x), free(weight);
}

int main(void) {
    amx = fs_simd_avx512;
    amx.f32.rounded_panel = fs_rounded_amx.panel;
    const ptrdiff_t sizes[] = {1, 15, 17, 33, 64, 97, 128}, features[] = {16, 48, 128, 144, 272};
    const ptrdiff_t classes[] = {FS_MANY_CLASSES, 33, 47, 64, 101};
    for (int i = 0; i < 7; i++) {
        for (int j = 0; j < 5; j++) {
            for (int k = 0; k < 5; k++) check(sizes[i], features[j], classes[k], 0);
            check(sizes[i], features[j], classes[j], 256);
            check(sizes[i], features[j], classes[j], 2048);
        }
        check_gram(sizes[i]);
    }
    return 0;
}
