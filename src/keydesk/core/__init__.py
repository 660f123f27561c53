"""The rules both planes share: pure functions and frozen values, with no I/O, no clock and no globals."""
