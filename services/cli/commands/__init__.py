"""The commands, one file for each word after `callboard`."""
