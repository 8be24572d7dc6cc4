"""How many threads OpenMP would use."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define fs_max_threads() omp_get_max_threads()
    #else
    #define fs_max_threads() 1
    #endif
    """
    int fs_max_threads() nogil
