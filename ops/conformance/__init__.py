"""Side by side with Alertmanager's own programs: routing, configurations, timed scenarios."""
