"""Settings for gunicorn; `gunicorn "app:create('model.safetensors')"` in this folder reads them."""

import os

preload_app = True  # one load, one copy of the weights: workers are forked from it
workers = int(os.environ.get("WEB_CONCURRENCY", os.cpu_count() or 1))
worker_class = "gthread"  # keeps connections open
threads = 2
bind = "127.0.0.1:8000"
control_socket_disable = True
# Requests are what is parallel: SPRAT_NUM_THREADS=1 gives each its own processor. More threads make one large batch
# faster, and the server slower when all workers have one.
raw_env = [f"SPRAT_NUM_THREADS={os.environ.get('SPRAT_NUM_THREADS', '1')}"]
