"""Networks for voices nobody has heard: contours relative to a speaker's own level, trained on pooled corpora."""
