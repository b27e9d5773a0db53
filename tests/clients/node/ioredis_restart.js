// ioredis_restart.js <port> <port> <port>: writes and reads over a cluster, says READY, goes on until a line comes on its
// input, and through the restart of a node in between; then every key must be there and the last writes must succeed.
'use strict';
const assert = require('node:assert');
const readline = require('node:readline');
const Redis = require('ioredis');

const nodes = process.argv.slice(2).map((port) => ({ host: '127.0.0.1', port: Number(port) }));

(async () => {
  const redis = new Redis.Cluster(nodes, { clusterRetryStrategy: () => 100, redisOptions: { maxRetriesPerRequest: 50 } });
  redis.on('error', () => {});
  await new Promise((resolve) => redis.once('ready', resolve));
  for (let i = 0; i < 1000; i++) await redis.set(`ioredis:${i}`, i);
  for (let i = 0; i < 1000; i++) assert.strictEqual(await redis.get(`ioredis:${i}`), String(i));
  console.log('READY');
  let over = false;
  readline.createInterface({ input: process.stdin }).once('line', () => { over = true; });
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let failed = 0, written = 0;
  for (let i = 0; !over; i = (i + 1) % 1000) {
    try {
      await redis.set(`during:${i}`, i);
      ++written;
    } catch (error) {
      ++failed;
      await wait(50);
    }
  }
  for (let i = 0; i < 1000; i++) {
    await redis.set(`after:${i}`, i);
    assert.strictEqual(await redis.get(`after:${i}`), String(i));
  }
  console.log(`written ${written}, failed ${failed}`);
  console.log('DONE');
  redis.disconnect();
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
