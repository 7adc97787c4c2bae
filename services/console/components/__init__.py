"""What pages are made of beside their own templates: times, numbers, bars, charts."""
