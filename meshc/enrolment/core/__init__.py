"""The protocol of enrolment, pure: no socket, clock, file or random number."""
