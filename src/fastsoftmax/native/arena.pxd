"""Scratch memory: an arena first measures what a pass needs, then gives it.

Every pass has a layout, a function that takes one part after the other. On a new arena, which has no memory, it adds
up their sizes; after `give` the same function finds where the parts are. So a layout is written once, and the size of
a workspace is known before there is one. Threads that need scratch of their own take parts of equal size, each of
which is an arena again.
"""

from libc.stdlib cimport free, malloc

from .codes cimport FS_DONE, FS_MEASURED, FS_NO_MEMORY, FS_SHORT_ROOM

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    /* A hint: the first touch of a page costs as much as reading it many times, and large pages are fewer. */
    static inline void fs_advise_huge_pages(void *memory, size_t size) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        (void)madvise(memory, size, MADV_HUGEPAGE);
    #else
        (void)memory, (void)size;
    #endif
    }
    """
    void fs_advise_huge_pages(void* memory, size_t size) noexcept nogil

cdef enum:
    CACHE_LINE = 64
    HUGE_PAGE = 2 * 1024 * 1024

cdef struct Room:           # the caller's memory for a pass, which allocates none then; without one it does
    void* memory            # NULL: the pass only says the size
    Py_ssize_t size         # in bytes

cdef struct Arena:
    char* memory            # NULL: sizes are added up, nothing is given
    Py_ssize_t size         # bytes taken so far
    void* block             # what is to be freed, where this arena has allocated it


cdef inline Py_ssize_t round_up(Py_ssize_t size, Py_ssize_t multiple) noexcept nogil:
    return (size + multiple - 1) // multiple * multiple


cdef inline Arena arena_at(void* memory) noexcept nogil:
    """An arena in memory that another has given; without memory, one that measures."""
    return Arena(<char*> memory, 0, NULL)


cdef inline void* take(Arena* arena, Py_ssize_t size) noexcept nogil:
    """Room for size bytes, on cache lines of its own, so that no two threads write to one; NULL while it measures."""
    cdef char* room = NULL
    if arena.memory != NULL:
        room = arena.memory + arena.size
    arena.size += round_up(size, CACHE_LINE)
    return room


cdef inline int give(Arena* arena, Room* room) noexcept nogil:
    """Find memory for what was measured, in the room or, if it is NULL, allocated; start again."""
    cdef Py_ssize_t alignment = HUGE_PAGE if arena.size >= 2 * HUGE_PAGE and room == NULL else CACHE_LINE
    cdef Py_ssize_t size = arena.size + alignment
    cdef void* memory
    if room == NULL:
        arena.block = memory = malloc(size)
        if memory == NULL:
            return FS_NO_MEMORY
    elif room.memory == NULL:
        room.size = size
        return FS_MEASURED
    elif room.size < size:
        return FS_SHORT_ROOM
    else:
        memory = room.memory
    # From a cache line on, or from a huge page where it fills some.
    arena.memory = <char*> round_up(<Py_ssize_t> memory, alignment)
    if alignment == HUGE_PAGE:
        fs_advise_huge_pages(arena.memory, arena.size)
    arena.size = 0
    return FS_DONE


cdef inline void release(Arena* arena) noexcept nogil:
    free(arena.block)
