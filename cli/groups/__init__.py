"""One file, one command or group of `sentinel-cli`; the file's name is the command's."""
