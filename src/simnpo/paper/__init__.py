"""The paper again: from runs to its tables, figures and claims."""
