"""Problems and plans as files: what is read is checked line by line, and what is wrong with it is said in one sentence."""
