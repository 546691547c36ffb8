"""The real demo with real Chromium pages and people made of code: for benches and tests."""
