"""Where agents work, and clean checkouts that they never see."""
