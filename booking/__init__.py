"""The web application: what patients and practice admins see, and what we remember."""
