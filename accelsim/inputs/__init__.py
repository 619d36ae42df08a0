"""What a user gives: YAML text with places, documents, overrides, quantities, validation."""
