"""A browser that is driven over HTTP: pages by address or by content, their text and a picture of them."""
