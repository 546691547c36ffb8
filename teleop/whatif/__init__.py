"""The page "what happens if": anyone sets causes and sees what the real safety machine answers."""
