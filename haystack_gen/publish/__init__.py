"""A finished dataset, or its recipe, to the Hub."""
