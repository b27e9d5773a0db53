"""Jobs of test_job_queues.py for python3-rq."""


def double(number):
    return number * 2


def fails(number):
    raise ValueError("no %d" % number)
