"""One of several instances of an application that know each other by the server alone: test_coordination.py starts three.

instance.py <port> <name> <heartbeat seconds>: is a member, renews its heartbeat, says what it does in a hash, takes work from a list
that all share, books it under a lock, counts what is left, and leads while it holds the leadership. Ends with the key `stop`.
It may be killed at any moment: what it had taken is done again by others, and booked once.
"""
import sys
import time
import uuid

import redis

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
FINISH = "if redis.call('lrem', KEYS[1], 1, ARGV[1]) == 1 then redis.call('decr', KEYS[2]) end"
LOCK_MS = 5000


class Instance:
    def __init__(self, port, name, heartbeat):
        self.redis = redis.Redis(port=port, decode_responses=True)
        self.name, self.heartbeat = name, heartbeat
        self.release, self.renew, self.finish = (self.redis.register_script(text) for text in (RELEASE, RENEW, FINISH))
        self.done = 0
        self.beat_at = 0

    def beat(self):
        """Membership, heartbeat, leadership: several times within a heartbeat's life."""
        if time.monotonic() < self.beat_at:
            return
        self.beat_at = time.monotonic() + self.heartbeat / 5
        self.redis.setex("alive:" + self.name, self.heartbeat, self.name)
        self.redis.sadd("members", self.name)
        mine = self.redis.set("leader", self.name, nx=True, px=self.heartbeat * 1000)
        if mine or self.renew(keys=["leader"], args=[self.name, self.heartbeat * 1000]) == 1:
            self.lead()

    def lead(self):
        """Who is dead is no member any more; what it had taken goes back."""
        for member in self.redis.smembers("members"):
            if self.redis.exists("alive:" + member):
                continue
            while self.redis.lmove("taken:" + member, "work", "LEFT", "LEFT"):
                pass
            self.redis.delete("state:" + member)
            self.redis.srem("members", member)

    def book(self, job):
        """Reads and writes that only the lock makes one step."""
        token = uuid.uuid4().hex
        while not self.redis.set("lock", token, nx=True, px=LOCK_MS):
            self.beat()  # who held it may have been killed: then it ends by itself
            time.sleep(0.001)
        if not self.redis.sismember("booked", job):
            total = int(self.redis.get("sum") or 0) + int(job)
            with self.redis.pipeline() as pipe:
                pipe.sadd("booked", job).set("sum", total).execute()
        self.release(keys=["lock"], args=[token])

    def run(self):
        while not self.redis.exists("stop"):
            self.beat()
            job = self.redis.blmove("work", "taken:" + self.name, self.heartbeat / 10, "LEFT", "RIGHT")
            if job is None:
                continue
            self.redis.incr("begun")
            self.book(job)
            self.finish(keys=["taken:" + self.name, "left"], args=[job])
            self.done += 1
            self.redis.hset("state:" + self.name, mapping={"name": self.name, "done": self.done})


if __name__ == "__main__":
    Instance(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run()
