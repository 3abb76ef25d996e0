"""The machine's processes: this one's clock and lease, and what killed ones left behind."""
