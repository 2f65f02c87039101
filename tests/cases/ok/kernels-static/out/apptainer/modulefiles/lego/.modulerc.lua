-- Compiled by lego-compile from the centre specification: edit that, not this file.
module_version("lego/main", "default")
