"""One file per `pipetask` command; the file's name is the command's."""
