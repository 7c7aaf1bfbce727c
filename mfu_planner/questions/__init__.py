"""What a user asks: one class per command, from which flags, keys, form, schema, reference and errors come."""
