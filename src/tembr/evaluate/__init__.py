"""How good a recognizer is: measures with their uncertainty; tables, pictures and a page that show it."""
