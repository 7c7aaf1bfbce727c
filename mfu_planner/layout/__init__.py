"""A question about a layout, read: the model's work, the degrees, the machine and the software stack."""
