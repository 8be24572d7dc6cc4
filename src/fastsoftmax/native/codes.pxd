"""What a pass returns, and the exception that the border to Python makes of it."""

cdef enum:
    FS_DONE
    FS_NO_MEMORY
    FS_NOT_SERVED       # the family has no row function for that kind of targets
    FS_MEASURED         # nothing was computed: the room has no memory, and now says how much it takes
    FS_SHORT_ROOM       # the room's memory does not suffice


cdef inline int check(int code) except -1 nogil:
    """Raise what a code stands for."""
    if code == FS_NO_MEMORY:
        with gil:
            raise MemoryError("could not allocate the scratch memory of a pass")
    if code == FS_NOT_SERVED:
        with gil:
            raise ValueError("the family does not serve this kind of targets")
    return 0
