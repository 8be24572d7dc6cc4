version: str
compiler: str
cython: str
openmp: bool
