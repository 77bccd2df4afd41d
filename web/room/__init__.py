"""The operators' room: pages that are rendered here, live where a script runs, and useful without one."""
