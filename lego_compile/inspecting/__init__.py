"""What a brick or a system image is, read from its files: nothing in it is run, and nothing is unpacked."""
