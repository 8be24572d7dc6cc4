/* What of fastsoftmax.h is written in C: the names of its codes, and the trainers, which see its functions alone, as
 * any C program does. */
#ifndef FASTSOFTMAX_CAPI_H
#define FASTSOFTMAX_CAPI_H

#include "fastsoftmax/fastsoftmax.h"

const char *fs_error_name(int code);

int fs_training_size(const fastsoftmax_api *api, size_t *size_out, int gd, const fastsoftmax_features *X,
                     const fastsoftmax_model *model, const fastsoftmax_training *training, int num_threads);

int fs_train_gd(const fastsoftmax_api *api, double *theta_inout, const fastsoftmax_features *X,
                const fastsoftmax_samples *samples, const fastsoftmax_model *model, fastsoftmax_training *training,
                const fastsoftmax_resources *resources);

int fs_train_lbfgs(const fastsoftmax_api *api, double *theta_inout, const fastsoftmax_features *X,
                   const fastsoftmax_samples *samples, const fastsoftmax_model *model, fastsoftmax_training *training,
                   const fastsoftmax_resources *resources);

#endif
