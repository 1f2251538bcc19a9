"""What the tools beside this folder share, and their mains."""
