"""A centre lived through by chance, and a model of the rules that says what must come of it."""
