"""Tasks of test_job_queues.py for python3-celery: broker and results at the server whose port TESSERA_TEST_PORT names."""
import os

import celery

URL = "redis://127.0.0.1:%s/" % os.environ.get("TESSERA_TEST_PORT", "6379")
app = celery.Celery("celery_tasks", broker=URL + "0", backend=URL + "1")
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, result_expires=3600, broker_connection_retry_on_startup=True)


@app.task
def double(number):
    return number * 2


@app.task(bind=True, max_retries=3, default_retry_delay=0)
def stubborn(self, number):
    if self.request.retries < 2:
        raise self.retry(exc=ValueError(number))
    return number


@app.task
def total(numbers):
    return sum(numbers)
