"""One file, one group of routes; `api.app` registers every `blueprint` it finds here."""
