"""What the provider decides for everybody: brand, PINs, passwords, sessions, keys, languages, four eyes."""
