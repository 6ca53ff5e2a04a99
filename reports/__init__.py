"""Reports: stored rows in, HTML and CSV out. Pure, like its three sister trades."""
