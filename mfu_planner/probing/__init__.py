"""A machine measured through torch: what its kernels, its memory, its issuing and its links take."""
