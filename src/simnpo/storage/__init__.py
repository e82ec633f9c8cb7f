"""Files and folders that appear whole, and which of them are ours."""
