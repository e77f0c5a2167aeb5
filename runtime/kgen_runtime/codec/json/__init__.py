"""JSON: schemas as trees, and what the codec builds of them."""
