"""Parts about connections: the creators' cards and sentences, and the operators' lines."""
