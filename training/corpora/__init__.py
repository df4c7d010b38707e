"""What the models read: songs, songbook, captions, and the word tables made of them."""
