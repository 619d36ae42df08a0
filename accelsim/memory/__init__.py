"""Memory technologies, arrays, storage formats and placement."""
