"""The programs that the twin needs: found, fetched or built, in the versions that their modules pin."""
