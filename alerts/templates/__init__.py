"""The words of messages: Jinja2 in a sandbox, shipped files or an operator's own."""
