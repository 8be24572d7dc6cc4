"""How many threads OpenMP would use, and whether it can have any."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define fs_max_threads() omp_get_max_threads()
    #else
    #define fs_max_threads() 1
    #endif

    /* In a forked child the OpenMP runtime's threads do not exist: a call would wait for them forever. */
    static int fs_is_child;
    static inline int fs_forked(void) { return fs_is_child; }
    #ifdef _WIN32
    static inline void fs_watch_forks(void) {}
    #else
    #include <pthread.h>
    static void fs_note_fork(void) { fs_is_child = 1; }
    static inline void fs_watch_forks(void) { pthread_atfork(NULL, NULL, fs_note_fork); }
    #endif
    """
    int fs_max_threads() nogil
    bint fs_forked() noexcept nogil
    void fs_watch_forks() noexcept
