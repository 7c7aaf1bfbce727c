"""The time of one training step for a layout: products, attention, bytes, launches, collectives, pipeline."""
