"""A backend that Label Studio calls for predictions, speaking its documented protocol."""
