"""Models from the files of other libraries."""
