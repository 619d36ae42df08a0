"""YAML files to frozen, validated values."""
