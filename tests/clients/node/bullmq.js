// bullmq.js <port> standalone|cluster: queues, retries, priorities, delayed and repeated jobs, flows, several workers at once.
// In a cluster all keys of a queue have one hash tag, as BullMQ's documentation asks for.
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { FlowProducer, Queue, QueueEvents, Worker } = require('bullmq');
const { main } = require('./scenario');

const port = Number(process.argv[2]);
const clustered = process.argv[3] === 'cluster';
const prefix = clustered ? '{bull}' : 'bull';
const JOBS = 1000;

const opened = [];
function options() {
  const connection = clustered
    ? new Redis.Cluster([{ host: '127.0.0.1', port }], { slotsRefreshTimeout: 60000, redisOptions: { maxRetriesPerRequest: null } })
    : new Redis({ port, maxRetriesPerRequest: null });
  connection.on('error', (error) => console.error(error));
  opened.push({ close: () => connection.disconnect() });
  return { connection, prefix };
}
function made(object) {
  object.on('error', (error) => { console.error(error); process.exit(1); });
  opened.push(object);
  return object;
}
const newQueue = (name) => made(new Queue(name, options()));
const newWorker = (name, work, more = {}) => made(new Worker(name, work, { ...options(), ...more }));

// Resolves when `worker`s have completed `count` jobs between them.
function completed(workers, count) {
  return new Promise((resolve) => {
    for (const worker of workers) worker.on('completed', () => { if (--count === 0) resolve(); });
  });
}

async function plain() {
  const queue = newQueue('plain');
  const events = made(new QueueEvents('plain', options()));
  await events.waitUntilReady();
  const done = new Map(), failures = [];
  const work = async (job) => {
    if (job.data.fails > job.attemptsMade) throw new Error('not yet');
    done.set(job.id, (done.get(job.id) || 0) + 1);
    return job.data.number * 2;
  };
  const workers = [1, 2, 3].map(() => newWorker('plain', work, { concurrency: 10 }));
  workers.forEach((worker) => worker.on('failed', (job) => failures.push(job.id)));
  const all = completed(workers, JOBS);
  const jobs = await queue.addBulk(Array.from({ length: JOBS }, (_, number) => ({
    name: 'double',
    data: { number, fails: number % 50 === 0 ? 1 : 0 },
    opts: { attempts: 2, priority: number % 7 === 0 ? 1 + (number % 3) : undefined },
  })));
  assert.strictEqual(await jobs[17].waitUntilFinished(events), 34);
  await all;
  assert.strictEqual(done.size, JOBS);
  for (const [id, times] of done) assert.strictEqual(times, 1, `job ${id}`);
  assert.strictEqual(failures.length, JOBS / 50);
  const counts = await queue.getJobCounts();
  assert.deepStrictEqual([counts.completed, counts.failed, counts.active, counts.waiting, counts.prioritized, counts.delayed],
    [JOBS, 0, 0, 0, 0, 0]);
  const again = await queue.getJob(jobs[3].id);
  assert.strictEqual(again.returnvalue, 6);
  // The same id twice is one job.
  await queue.pause();
  await queue.add('once', {}, { jobId: 'mine' });
  await queue.add('once', {}, { jobId: 'mine' });
  assert.strictEqual((await queue.getJobCounts('waiting')).waiting, 1);
  await queue.drain();
  await queue.obliterate({ force: true });
}

async function priorities() {
  const queue = newQueue('priorities');
  for (let i = 0; i < 20; i++) await queue.add('job', { i }, { priority: 20 - i });
  const order = [];
  const worker = newWorker('priorities', async (job) => { order.push(job.data.i); });
  await completed([worker], 20);
  assert.deepStrictEqual(order, Array.from({ length: 20 }, (_, i) => 19 - i));
}

async function delayed() {
  const queue = newQueue('delayed');
  const seen = [];
  const worker = newWorker('delayed', async (job) => { seen.push([job.timestamp + job.data.delay, Date.now()]); });
  const all = completed([worker], 6);
  for (const delay of [900, 50, 600, 300, 450, 750]) await queue.add('later', { delay }, { delay });
  await all;
  for (const [due, when] of seen) assert.ok(when >= due, `${due} at ${when}`);
  assert.deepStrictEqual(seen, seen.slice().sort(([due], [other]) => due - other));
}

async function repeated() {
  const queue = newQueue('repeated');
  const worker = newWorker('repeated', async (job) => job.data.n);
  const some = completed([worker], 5);
  await queue.upsertJobScheduler('tick', { every: 100 }, { name: 'tick', data: { n: 1 } });
  await queue.upsertJobScheduler('nightly', { pattern: '0 15 3 * * *' }, { name: 'night', data: { n: 2 } });
  await some;
  const schedulers = await queue.getJobSchedulers();
  assert.deepStrictEqual(schedulers.map((each) => each.key).sort(), ['nightly', 'tick']);
  assert.strictEqual(await queue.removeJobScheduler('tick'), true);
  assert.strictEqual(await queue.removeJobScheduler('nightly'), true);
  assert.strictEqual((await queue.getJobSchedulers()).length, 0);
}

async function flows() {
  const flow = made(new FlowProducer(options()));
  newWorker('parts', async (job) => job.data.n * 10, { concurrency: 5 });
  const worker = newWorker('whole', async (job) => {
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((sum, value) => sum + value, 0);
  });
  const all = new Promise((resolve) => {
    const results = [];
    worker.on('completed', (job, result) => { if (job.name === 'root' && results.push(result) === 20) resolve(results); });
  });
  await Promise.all(Array.from({ length: 20 }, () => flow.add({
    name: 'root', queueName: 'whole',
    children: [
      { name: 'middle', queueName: 'whole', children: [1, 2, 3].map((n) => ({ name: 'part', queueName: 'parts', data: { n } })) },
      ...[4, 5].map((n) => ({ name: 'part', queueName: 'parts', data: { n } })),
    ],
  })));
  assert.deepStrictEqual(await all, Array(20).fill(150));
  const tree = await flow.add({ name: 'kept', queueName: 'nobody', children: [{ name: 'child', queueName: 'nobody' }] });
  const read = await flow.getFlow({ id: tree.job.id, queueName: 'nobody' });
  assert.strictEqual(read.children.length, 1);
  assert.strictEqual(await tree.job.getState(), 'waiting-children');
}

main(async () => {
  await plain();
  await priorities();
  await delayed();
  await repeated();
  await flows();
  for (const object of opened.reverse()) await object.close();
});
