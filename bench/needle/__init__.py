"""`teleop bench needle`: punctures of seeded patients over an emulated link, and what they show."""
