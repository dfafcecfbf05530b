"""What tests of several rooms share: a fake engine, a real tiny model, waiting."""
