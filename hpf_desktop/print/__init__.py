"""Preview and printing of the server's stored PDFs."""
