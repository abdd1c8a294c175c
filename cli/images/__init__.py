"""`bastide images`: build, prove, sign and pin what machines and sandboxes start from."""
