"""What a run did: data first (`run`), then how it is shown (`text`)."""
