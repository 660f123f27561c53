"""How a process that waits learns that it is to end."""

import _thread
import signal
import threading


def stop_on_signal() -> threading.Event:
    """Give an event that SIGTERM and SIGINT set; to be called in the main thread.

    Setting an event takes the lock that waiting for it holds for moments, and a handler runs in the main thread, in the
    middle of whatever that does: it would wait for itself, for good. So the handler has another thread set it, begun
    in the one way that takes no lock.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    return stop
