"""The words and rules of Vulcan; imports the standard library only."""
