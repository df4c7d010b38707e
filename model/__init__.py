"""Networks and everything between a picture and a stanza."""
