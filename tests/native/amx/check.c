/* Gram matrices of the matrix unit against sums in double: called by test_amx.py, on processors with a matrix unit and,
   with emulator.c linked in, without. Prints an error for every number of samples and of features; asserts nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"

extern const fs_rounded fs_rounded_amx;
const fs_simd *fs_active;

enum { WIDTH = 64, DEPTH = FS_PANEL_DEPTH, MOST = 3 }; /* features of a panel, its samples, panels at most */

static float *random_floats(size_t count) {
    float *values = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        double sum = 0; /* of four uniform numbers: close to normal */
        for (int k = 0; k < 4; k++) sum += rand() / (double)RAND_MAX - 0.5;
        values[i] = (float)sum;
    }
    return values;
}

/* The first WIDTH rows of the matrix of n_features features. */
static void check(ptrdiff_t rows, ptrdiff_t n_features) {
    static float columns[MOST][WIDTH * DEPTH], panels[MOST][WIDTH * DEPTH], out[WIDTH * WIDTH * MOST];
    float *x = random_floats(rows * n_features), *weight = random_floats(rows);
    double error = 0, norm = 0;
    memset(out, 0, sizeof out);
    for (ptrdiff_t p = 0; p < n_features / WIDTH; p++) {
        fs_rounded_amx.gram_pack(columns[p], panels[p], x + p * WIDTH, rows, WIDTH, n_features);
    }
    fs_rounded_amx.gram_block(out, columns[0], panels, weight, rows, n_features, n_features);
    for (ptrdiff_t j = 0; j < WIDTH; j++) {
        for (ptrdiff_t l = 0; l < n_features; l++) {
            double sum = 0;
            for (ptrdiff_t i = 0; i < rows; i++) sum += (double)weight[i] * x[i * n_features + j] * x[i * n_features + l];
            error += pow(out[j * n_features + l] - sum, 2);
            norm += sum * sum;
        }
    }
    printf("%td %td %.3e\n", rows, n_features, sqrt(error / norm));
    free(x), free(weight);
}

int main(void) {
    const ptrdiff_t sizes[] = {1, 15, 17, 33, 64, 97, 128};
    for (int i = 0; i < 7; i++) {
        for (int panels = 1; panels <= MOST; panels++) check(sizes[i], panels * WIDTH);
    }
    return 0;
}
