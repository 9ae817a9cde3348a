"""The compiled heart of the engine: exact route states, and the search that works on them. Numba opens nowhere else."""
