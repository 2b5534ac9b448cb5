"""What a lab run predicted and measured, and its reports."""
