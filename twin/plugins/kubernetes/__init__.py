"""Stand-in for the Kubernetes provider plug-in, in server-side apply mode."""
