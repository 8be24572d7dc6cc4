/* The softmax family: class k has probability p_k = exp(z_k) / Σ_c exp(z_c). */
#ifdef FAMILY
FAMILY(softmax)
#else

/* max_k z_k; NaN in the first place stays, and elsewhere returns with the exponentials. */
INLINE vec NAME(peak)(const real *z, ptrdiff_t n_classes, ptrdiff_t ldz) {
    vec peak = load(z);
    for (ptrdiff_t k = 1; k < n_classes; k++) {
        peak = NAME(maximum)(load(z + k * ldz), peak);
    }
    return peak;
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns Σ_{k≠y} e_k, and z_y - m in
 * its place if y is one of them. */
INLINE vec NAME(label_block)(real *z, vec *below_y, ivec label, vec peak, ptrdiff_t first, ptrdiff_t end,
                             ptrdiff_t ldz) {
    const vec zero = {0};
    vec sum = zero;
    for (ptrdiff_t k = first; k < end; k++) {
        const ivec is_label = label == (integer)k;
        const vec below = load(z + k * ldz) - peak;
        const vec e = NAME(exp)(below);
        *below_y = NAME(select)(is_label, below, *below_y);
        sum += NAME(select)(is_label, zero, e);
        store(z + k * ldz, e);
    }
    return sum;
}

/* With y the label and e_k = exp(z_k - m), the sum over the OTHER classes is kept apart:
 *
 *     L = (m - z_y) + log1p(Σ_{k≠y} e_k + (e_y - 1)),     r_y = -Σ_{k≠y} e_k / Σ_k e_k
 *
 * Where the label has the largest logit, e_y is 1 exactly, and neither 1 + small nor p_y - 1 is ever rounded: a loss
 * of 1e-20 has all its digits. */
static double NAME(softmax_labels)(const fs_tile *tile) {
    real *const z_inout = tile->z;
    const ptrdiff_t *const labels = tile->labels;
    const double *const sample_weight = tile->weight;
    const ptrdiff_t rows = tile->rows, n_classes = tile->n_outputs, ldz = tile->ldz;
    /* Three short loops over the samples: each has many independent iterations for the processor to overlap. */
    const vec zero = {0};
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    dvec loss = {0};
    vec peak[FS_MAX_TILE_ROWS / LANES], others[FS_MAX_TILE_ROWS / LANES], z_y[FS_MAX_TILE_ROWS / LANES];
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) peak[v] = NAME(peak)(z_inout + i, n_classes, ldz);
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) {
        const ivec label = NAME(labels)(labels, i, rows);
        real *z = z_inout + i;
        vec below_y = zero, lost = zero;
        vec sum = NAME(label_block)(z, &below_y, label, peak[v], 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&sum, &lost, NAME(label_block)(z, &below_y, label, peak[v], k, next, ldz));
        }
        others[v] = sum;
        z_y[v] = below_y;
    }
    for (ptrdiff_t i = 0, v = 0; i < rows; i += LANES, v++) {
        const ivec label = NAME(labels)(labels, i, rows);
        const vec weight = NAME(weights)(sample_weight, i, rows);
        const vec e_y = NAME(exp)(z_y[v]);
        const vec coefficient = weight / (others[v] + e_y);
        const vec loss_i = weight * (NAME(log1p)(others[v] + (e_y - 1)) - z_y[v]);
        loss += NAME(as_double)(NAME(select)(weight == zero, zero, loss_i));
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            const vec e = load(z_inout + k * ldz + i);
            store(z_inout + k * ldz + i, NAME(select)(label == (integer)k, -others[v], e) * coefficient);
        }
    }
    return NAME(total)(loss);
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns their sum, adds that of the
 * targets to mass, and Σ_k y_k (m - z_k) to the loss. */
INLINE vec NAME(target_block)(real *z, vec *mass, vec *loss, const real *y, vec peak, ptrdiff_t first, ptrdiff_t end,
                              ptrdiff_t ldz) {
    const vec zero = {0};
    vec sum = zero, y_sum = zero;
    for (ptrdiff_t k = first; k < end; k++) {
        const vec y_k = load(y + k * ldz), below = load(z + k * ldz) - peak;
        const vec e = NAME(exp)(below);
        /* A class ruled out by a logit of -infinity costs nothing where its target is zero: 0 · ∞ = 0 here. */
        *loss -= NAME(select)(y_k == zero, zero, y_k * below);
        y_sum += y_k;
        sum += e;
        store(z + k * ldz, e);
    }
    *mass += y_sum;
    return sum;
}

/* L = Σ_k y_k (m - z_k) + Σ_k y_k · log Σ_k exp(z_k - m): no term is negative, so none cancels another. */
static double NAME(softmax_rows)(const fs_tile *tile) {
    real *const z_inout = tile->z;
    const real *const targets = tile->y;
    const double *const sample_weight = tile->weight;
    const ptrdiff_t rows = tile->rows, n_classes = tile->n_outputs, ldz = tile->ldz;
    dvec loss = {0};
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const real *y = targets + i;
        const vec weight = NAME(weights)(sample_weight, i, rows), zero = {0};
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec mass = zero, loss_i = zero, lost = zero;
        vec total = NAME(target_block)(z, &mass, &loss_i, y, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(target_block)(z, &mass, &loss_i, y, peak, k, next, ldz));
        }
        const vec coefficient = weight * mass / total;
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            store(z + k * ldz, load(z + k * ldz) * coefficient - weight * load(y + k * ldz));
        }
        loss_i = weight * (loss_i + mass * NAME(log1p)(total - 1));
        loss += NAME(as_double)(NAME(select)(weight == zero, zero, loss_i));
    }
    return NAME(total)(loss);
}

/* e_k = exp(z_k - m) in the place of z_k, for the classes from `first` to `end`; returns their sum, and writes
 * Σ_k e_k u_k. */
INLINE vec NAME(curvature_block)(real *z, vec *weighted_out, const real *u, vec peak, ptrdiff_t first, ptrdiff_t end,
                                 ptrdiff_t ldz) {
    vec sum = {0}, weighted = {0};
    for (ptrdiff_t k = first; k < end; k++) {
        const vec e = NAME(exp)(load(z + k * ldz) - peak);
        sum += e;
        weighted += e * load(u + k * ldz);
        store(z + k * ldz, e);
    }
    *weighted_out = weighted;
    return sum;
}

/* r_k = p_k (u_k - Σ_c p_c u_c) */
static double NAME(softmax_direction)(const fs_tile *tile) {
    real *const z_inout = tile->z;
    const real *const u = tile->y;
    const double *const sample_weight = tile->weight;
    const ptrdiff_t rows = tile->rows, n_classes = tile->n_outputs, ldz = tile->ldz;
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const vec weight = NAME(weights)(sample_weight, i, rows);
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec mean, lost = {0}, mean_lost = {0}, block;
        vec total = NAME(curvature_block)(z, &mean, u + i, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(curvature_block)(z, &block, u + i, peak, k, next, ldz));
            NAME(add_block)(&mean, &mean_lost, block);
        }
        const vec coefficient = weight / total;
        mean /= total;
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            store(z + k * ldz, coefficient * load(z + k * ldz) * (load(u + k * ldz + i) - mean));
        }
    }
    return 0;
}

/* exp(z_k - m), or z_k - m, in the place of z_k, for the classes from `first` to `end`; returns Σ_k exp(z_k - m). */
INLINE vec NAME(softmax_block)(real *z, const int log, vec peak, ptrdiff_t first, ptrdiff_t end, ptrdiff_t ldz) {
    vec sum = {0};
    for (ptrdiff_t k = first; k < end; k++) {
        const vec below = load(z + k * ldz) - peak, e_k = NAME(exp)(below);
        sum += e_k;
        store(z + k * ldz, log ? below : e_k);
    }
    return sum;
}

/* softmax(z_i), or its logarithm, in the place of z_i. */
INLINE void NAME(softmax)(real *z_inout, const int log, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz) {
    const ptrdiff_t end = NAME(block_end)(0, n_classes);
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        real *z = z_inout + i;
        const vec peak = NAME(peak)(z, n_classes, ldz);
        vec lost = {0}, total = NAME(softmax_block)(z, log, peak, 0, end, ldz);
        for (ptrdiff_t k = end; k < n_classes; k += SUM_CLASSES) {
            const ptrdiff_t next = NAME(block_end)(k, n_classes);
            NAME(add_block)(&total, &lost, NAME(softmax_block)(z, log, peak, k, next, ldz));
        }
        const vec log_total = NAME(log1p)(total - 1);
        for (ptrdiff_t k = 0; k < n_classes; k++) {
            const vec z_k = load(z + k * ldz);
            store(z + k * ldz, log ? z_k - log_total : z_k / total);
        }
    }
}

static void NAME(log_softmax)(real *z_inout, ptrdiff_t rows, ptrdiff_t n_classes, ptrdiff_t ldz) {
    NAME(softmax)(z_inout, 1, rows, n_classes, ldz);
}

static void NAME(softmax_mean)(const fs_tile *tile) {
    NAME(softmax)(tile->z, 0, tile->rows, tile->n_outputs, tile->ldz);
}

/* softmax(z) of one sample in the place of z: the lanes of a vector are classes. */
static void NAME(softmax_row)(void *z_inout, ptrdiff_t n_classes) {
    real *const z = z_inout;
    real peak = z[0], rest[LANES], tail = 0;
    dvec sum = {0};
    ptrdiff_t k = 0;
    for (ptrdiff_t c = 1; c < n_classes; c++) peak = z[c] > peak ? z[c] : peak;
    for (; k + LANES <= n_classes; k += LANES) {
        const vec e = NAME(exp)(load(z + k) - peak);
        sum += NAME(as_double)(e);
        store(z + k, e);
    }
    for (int l = 0; l < LANES; l++) rest[l] = k + l < n_classes ? z[k + l] - peak : 0;
    store(rest, NAME(exp)(load(rest)));
    for (ptrdiff_t c = k; c < n_classes; c++) tail += z[c] = rest[c - k];
    const real total = (real)(NAME(total)(sum) + tail);
    for (k = 0; k + LANES <= n_classes; k += LANES) store(z + k, load(z + k) / total);
    for (; k < n_classes; k++) z[k] /= total;
}

static const fs_family NAME(family_softmax) = {
    .residual = {[FS_LABELS] = NAME(softmax_labels),
                 [FS_ROWS] = NAME(softmax_rows),
                 [FS_DIRECTION] = NAME(softmax_direction)},
    .mean = NAME(softmax_mean),
    .row_mean = NAME(softmax_row),
};
#endif
