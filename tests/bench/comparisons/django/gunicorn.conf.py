import os

bind = f"127.0.0.1:{os.environ['PORT']}"
# Of two processes, of threads and of an event loop, two processes sign in the most on two cores.
workers = 2
preload_app = True
control_socket_disable = True


def when_ready(server):
    print("ready", flush=True)
