"""What happens to speech on its way: telephone, MP3, babble, room, microphone; to measure with and to learn from."""
