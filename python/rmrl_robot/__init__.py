"""Teach a robot arm to pick and place a cell plate to the millimeter."""
