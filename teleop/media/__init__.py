"""The media process: ultrasound source, encoder, video peers. Commands never pass through here."""
