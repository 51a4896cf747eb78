"""The certificate key: finding it, asking it for a signature, and saying what is wrong. No Qt."""
