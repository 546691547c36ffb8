"""The application: process table, configuration, pages, sessions, drivers, recording."""
