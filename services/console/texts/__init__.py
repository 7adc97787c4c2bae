"""Every text of the page, in English in the code and in 繁體中文 in one catalogue."""
