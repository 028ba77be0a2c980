"""One file per format; each turns objects into bytes and back, whole or in part."""
