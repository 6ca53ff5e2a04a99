from alert_sinks import certificate, http, mailbox, notification, sink, tls_mailbox

__all__ = ["certificate", "http", "mailbox", "notification", "sink", "tls_mailbox"]
