"""Studies of many points: what is varied, what is asked, and the table that comes out."""
