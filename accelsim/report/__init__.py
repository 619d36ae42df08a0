"""What a user sees: tables, pages, files, timelines."""
