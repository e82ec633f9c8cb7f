"""A method's settings tried out: which to try, and which of them nothing else beats."""
