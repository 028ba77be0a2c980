"""One file per `butler` command; the file's name is the command's."""
