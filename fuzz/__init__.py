"""A seeded fuzzer over everything that comes from outside: fields of questions, files, query values of pages."""
