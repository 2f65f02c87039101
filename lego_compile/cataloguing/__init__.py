"""A catalog kept by the images: entries made of what images state, put into the file that people wrote."""
