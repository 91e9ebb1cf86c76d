"""A finished dataset becomes numbers and pictures."""
