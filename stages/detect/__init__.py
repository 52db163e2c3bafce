"""A command, not a stage: `python -m stages.detect` is `iotids.commands.detect`."""
