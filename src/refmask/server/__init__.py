"""The same system for people and programs elsewhere: the page, and the HTTP interface."""
