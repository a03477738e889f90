"""Images: embedded sets, the user's files, and batches of them."""
