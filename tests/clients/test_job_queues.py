"""python3-rq and python3-celery as Debian ships them, with workers of their own: 200 jobs each, --long: 1,000."""
import gc
import os
import subprocess
import sys

import celery
import pytest
import redis
import rq

from tests.support.server import SANITIZED, die_with_parent, eventually

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jobs")
sys.path.insert(0, FOLDER)


class Worker:
    """A process in FOLDER whose output is told when the test fails."""

    def __init__(self, port, tmp_path, *words):
        self.log = tmp_path / ("worker-%d.log" % len(list(tmp_path.iterdir())))
        with open(self.log, "wb") as log:
            env = dict(os.environ, TESSERA_TEST_PORT=str(port), PYTHONDONTWRITEBYTECODE="1")
            self.process = subprocess.Popen([str(word) for word in words], cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=env, preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if problem[0] is not None:
            print(self.log.read_text(errors="replace")[-4000:])


@pytest.fixture(params=[50 if SANITIZED else 200, pytest.param(1000, marks=pytest.mark.long)], ids=lambda count: "jobs%d" % count)
def count(request):
    return request.param


@pytest.fixture
def client(standalone):
    connection = redis.Redis(port=standalone.port)
    connection.flushall()
    yield connection
    connection.close()


def test_rq(standalone, client, count, tmp_path):
    import rq_tasks
    queue, later = rq.Queue("work", connection=client), rq.Queue("later", connection=client)
    jobs = [queue.enqueue(rq_tasks.double, number) for number in range(count // 2)]
    with queue.connection.pipeline() as pipe:
        jobs += queue.enqueue_many([rq.Queue.prepare_data(rq_tasks.double, (number,)) for number in range(count // 2, count)], pipeline=pipe)
        pipe.execute()
    bad = queue.enqueue(rq_tasks.fails, 7, retry=rq.Retry(max=1))
    after = later.enqueue(rq_tasks.double, 21, depends_on=jobs[-1])  # deferred, with WATCH
    assert len(queue) == count + 1 and after.get_status() == "deferred"
    # One that forks for every job, as it does by default, and two that do not.
    words = ["/usr/bin/python3", "-m", "rq.cli", "worker", "--url", "redis://127.0.0.1:%d" % standalone.port]
    simple = words + ["--worker-class", "rq.worker.SimpleWorker", "work", "later"]
    port = standalone.port
    with Worker(port, tmp_path, *words, "work", "later"), Worker(port, tmp_path, *simple), Worker(port, tmp_path, *simple):
        eventually(lambda: after.return_value(refresh=True) == 42, 100, "all jobs are done")
        eventually(lambda: bad.get_status(refresh=True) == "failed", 100, "the bad one has failed twice")
        finished = queue.finished_job_registry
        eventually(lambda: len(finished) == count and len(queue.started_job_registry) == 0, 100, "all are registered")
        assert len(rq.Worker.all(connection=client)) == 3
    assert [job.return_value() for job in rq.job.Job.fetch_many([job.id for job in jobs], client)] == [2 * number for number in range(count)]
    assert len(queue) == 0 and queue.failed_job_registry.get_job_ids() == [bad.id] and "no 7" in bad.latest_result().exc_string
    eventually(lambda: not rq.Worker.all(connection=client), 30, "the workers signed off")


def test_celery(standalone, client, count, tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_TEST_PORT", str(standalone.port))
    for name in [name for name in sys.modules if name == "celery_tasks"]:
        del sys.modules[name]
    import celery_tasks as tasks
    words = ["/usr/bin/python3", "-m", "celery", "-A", "celery_tasks", "worker", "--concurrency", 2, "--loglevel", "INFO"]
    with Worker(standalone.port, tmp_path, *words, "--hostname", "a@test"), Worker(standalone.port, tmp_path, *words, "--hostname", "b@test"):
        results = celery.group(tasks.double.s(number) for number in range(count)).apply_async()
        retried = [tasks.stubborn.delay(number) for number in range(10)]
        chords = [celery.chord((tasks.double.s(number) for number in range(20)), tasks.total.s()).delay() for _ in range(10)]
        chained = celery.chain(tasks.double.s(1), tasks.double.s(), tasks.double.s()).delay()
        assert results.get(timeout=300) == [2 * number for number in range(count)]
        assert [result.get(timeout=100) for result in retried] == list(range(10))
        assert [result.get(timeout=100) for result in chords] == [380] * 10
        assert chained.get(timeout=100) == 8
        assert tasks.app.control.inspect(timeout=60, limit=2).ping() == {"a@test": {"ok": "pong"}, "b@test": {"ok": "pong"}}
        # Acknowledged: nothing is waiting, and nothing would be delivered again.
        eventually(lambda: client.llen("celery") == 0 and client.hlen("unacked") == 0 and client.zcard("unacked_index") == 0, 100, "all acknowledged")
    # Results unsubscribe when they go, which must not wait for a server that is gone.
    del results, retried, chords, chained
    gc.collect()
    tasks.app.close()
