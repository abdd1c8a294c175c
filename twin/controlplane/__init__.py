"""A real Kubernetes control plane on loopback, with KWOK for its machines."""
