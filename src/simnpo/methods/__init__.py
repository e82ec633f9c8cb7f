"""One file per method: a pure loss, its settings and its source."""
