"""Collections: one module per kind, and the facade that users see."""
