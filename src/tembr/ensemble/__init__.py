"""Members of a study joined: found, weighted by a search that sees nothing they were trained on, measured."""
