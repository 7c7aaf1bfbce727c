"""Bytes per device for a layout: weights, gradients, optimizer states, activations, logits, buffers."""
