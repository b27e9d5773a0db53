// node_redis.js <port> standalone|cluster 2|3
'use strict';
const assert = require('node:assert');
const { createClient, createCluster, RESP_TYPES } = require('redis');
const { scenario, main } = require('./scenario');

const port = Number(process.argv[2]);
const clustered = process.argv[3] === 'cluster';
const RESP = Number(process.argv[4]);
const url = `redis://127.0.0.1:${port}`;

async function standalone() {
  const client = createClient({ url, RESP });
  client.on('error', (error) => console.error(error));
  await client.connect();
  await client.flushAll();
  await scenario({
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    mset: (object) => client.mSet(object),
    mget: (keys) => client.mGet(keys),
    incr: (key) => client.incr(key),
    del: (keys) => client.del(keys),
    dbsize: () => client.dbSize(),
    many: (commands) => Promise.all(commands.map((words) => client.sendCommand(words))),
  });
  const hello = await client.sendCommand(['HELLO']);
  if (RESP === 3) assert.strictEqual(Number(new Map(Object.entries(hello)).get('proto') ?? 3), 3);
  const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await client.set('binary', binary);
  assert.ok((await buffers.get('binary')).equals(binary));
  assert.strictEqual((await client.configGet('maxmemory-samples'))['maxmemory-samples'], '5');
  const keys = new Set();
  for await (const batch of client.scanIterator({ MATCH: 'key:*', COUNT: 1000 })) {
    for (const key of Array.isArray(batch) ? batch : [batch]) keys.add(key);
  }
  assert.strictEqual(keys.size, 100000);
  client.destroy();
}

async function cluster() {
  const client = createCluster({ rootNodes: [{ url }], RESP });
  client.on('error', (error) => console.error(error));
  await client.connect();
  const node = async () => client.nodeClient(client.masters[0]);
  await (await node()).flushAll();
  await scenario({
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    mset: (object) => client.mSet(object),
    mget: (keys) => client.mGet(keys),
    incr: (key) => client.incr(key),
    del: (keys) => client.del(keys),
    dbsize: async () => (await node()).dbSize(),
    many: (commands) => Promise.all(commands.map((words) => client.sendCommand(words[1], words[0] === 'GET', words))),
  });
  client.destroy();
}

main(clustered ? cluster : standalone);
