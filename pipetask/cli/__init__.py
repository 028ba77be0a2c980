"""The two commands, `pipetask` and `butler`: parse, call one public function, show the result."""
