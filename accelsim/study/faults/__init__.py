"""Storage schemes of a model's weights: what they cost, how often they fail, and what that does."""
