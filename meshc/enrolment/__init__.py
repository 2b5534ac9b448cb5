"""Enrolment: a new machine makes its own key and comes into the network by an invitation."""
