"""HTTP in, HTTP out. The wire shape is this package's promise."""
