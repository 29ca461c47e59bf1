import os

bind = f"127.0.0.1:{os.environ['PORT']}"
# On two cores, two processes are faster than threads or an event loop.
workers = 2
preload_app = True
control_socket_disable = True


def when_ready(server):
    print("ready", flush=True)
