"""The trainer that the image tasks share: models, losses, augmentations, batches, schedules, predictions."""
