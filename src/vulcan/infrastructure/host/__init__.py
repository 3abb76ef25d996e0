"""What all rooms share of the machine: its clock, processes and what they leave behind, files without links."""
