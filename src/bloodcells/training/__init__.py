"""From a recipe and cells to trained weights."""
