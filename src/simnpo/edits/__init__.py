"""Methods that edit weights instead of minimising a loss."""
