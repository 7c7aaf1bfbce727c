"""Operator lists from models' own code (the extra ``record``: torch and transformers), and the file that holds them."""
