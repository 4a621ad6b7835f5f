"""refmask: a picture and a phrase in, the mask of that one thing out."""
