"""A small real project for `vulcan demo`; its files are data, not part of Vulcan."""
