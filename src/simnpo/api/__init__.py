"""The commands as Python functions, and what they return."""
