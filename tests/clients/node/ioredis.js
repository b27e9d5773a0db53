// ioredis.js <port> standalone|cluster
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { scenario, main } = require('./scenario');

const port = Number(process.argv[2]);
const clustered = process.argv[3] === 'cluster';

main(async () => {
  const redis = clustered ? new Redis.Cluster([{ host: '127.0.0.1', port }]) : new Redis({ host: '127.0.0.1', port });
  redis.on('error', (error) => console.error(error));
  const node = () => (clustered ? redis.nodes('master')[0] : redis);
  if (clustered) await new Promise((resolve) => redis.once('ready', resolve));
  await node().flushall();
  const byTag = async (commands) => {
    // A pipeline of ioredis' cluster client holds keys of one slot allocation only; one node owns all of them here.
    const replies = await redis.pipeline(commands.map((words) => [words[0].toLowerCase(), ...words.slice(1)])).exec();
    return replies.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  };
  await scenario({
    set: (key, value) => redis.set(key, value),
    get: (key) => redis.get(key),
    mset: (object) => redis.mset(object),
    mget: (keys) => redis.mget(keys),
    incr: (key) => redis.incr(key),
    del: (keys) => redis.del(keys),
    dbsize: () => node().dbsize(),
    many: byTag,
  });
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await redis.set('binary', binary);
  assert.ok((await redis.getBuffer('binary')).equals(binary));
  if (!clustered) {
    await redis.select(3);
    assert.strictEqual(await redis.get('greeting'), null);
    const keys = new Set();
    await redis.select(0);
    for await (const batch of redis.scanStream({ match: 'key:*', count: 1000 })) batch.forEach((key) => keys.add(key));
    assert.strictEqual(keys.size, 100000);
  }
  redis.disconnect();
});
