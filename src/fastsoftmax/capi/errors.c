/* The names of the codes of fastsoftmax.h. */
#include "capi.h"

const char *fs_error_name(int code) {
#define CASE(name)                                                                                                    \
    case name:                                                                                                        \
        return #name;
    switch (code) {
        CASE(FASTSOFTMAX_OK)
        CASE(FASTSOFTMAX_NULL_POINTER)
        CASE(FASTSOFTMAX_WRONG_ABI)
        CASE(FASTSOFTMAX_BAD_SHAPE)
        CASE(FASTSOFTMAX_BAD_STRIDE)
        CASE(FASTSOFTMAX_BAD_KIND)
        CASE(FASTSOFTMAX_BAD_THREADS)
        CASE(FASTSOFTMAX_TOO_LARGE)
        CASE(FASTSOFTMAX_SHORT_WORKSPACE)
        CASE(FASTSOFTMAX_BAD_LABEL)
        CASE(FASTSOFTMAX_BAD_CSR)
        CASE(FASTSOFTMAX_NOT_SERVED)
        CASE(FASTSOFTMAX_BAD_NUMBER)
        CASE(FASTSOFTMAX_BAD_SCORER)
        CASE(FASTSOFTMAX_MAX_ITER)
        CASE(FASTSOFTMAX_NO_PROGRESS)
        CASE(FASTSOFTMAX_NOT_FINITE)
        CASE(FASTSOFTMAX_STOPPED)
    }
#undef CASE
    return "unknown code";
}
