"""Trains the weights that the learned engines ship with; needs the extra `training`."""
