// pubsub.js <port> ioredis|2|3: channels, patterns and notifications; with node-redis in RESP3 also its client side cache.
'use strict';
const assert = require('node:assert');
const { main } = require('./scenario');

const port = Number(process.argv[2]);
const which = process.argv[3];
const COUNT = 2000;

function collector() {
  const got = [];
  let wake = () => {};
  return {
    add: (...what) => { got.push(what); wake(); },
    until: async (count) => {
      while (got.length < count) await new Promise((resolve) => { wake = resolve; });
      return got;
    },
  };
}

async function withIoredis() {
  const Redis = require('ioredis');
  const publisher = new Redis({ port });
  const subscriber = new Redis({ port });
  const plain = collector(), patterns = collector();
  subscriber.on('message', (channel, text) => plain.add(channel, text));
  subscriber.on('pmessage', (pattern, channel, text) => patterns.add(pattern, channel, text));
  assert.strictEqual(await subscriber.subscribe('a', 'b'), 2);
  assert.strictEqual(await subscriber.psubscribe('a*', '__keyevent@0__:*'), 4);
  const pipeline = publisher.pipeline();
  for (let i = 0; i < COUNT; i++) pipeline.publish(i % 2 ? 'a' : 'b', String(i));
  const replies = await pipeline.exec();
  replies.forEach(([error, count], i) => assert.strictEqual(count, i % 2 ? 2 : 1, error));
  (await plain.until(COUNT)).forEach((each, i) => assert.deepStrictEqual(each, [i % 2 ? 'a' : 'b', String(i)]));
  await publisher.config('SET', 'notify-keyspace-events', 'KEA');
  await publisher.set('k', 'v');
  const all = await patterns.until(COUNT / 2 + 1);
  assert.deepStrictEqual(all[all.length - 1], ['__keyevent@0__:*', '__keyevent@0__:set', 'k']);
  assert.strictEqual(await subscriber.unsubscribe('a', 'b'), 2);
  assert.strictEqual(await subscriber.punsubscribe('a*', '__keyevent@0__:*'), 0);
  assert.strictEqual(await subscriber.get('k'), 'v');
  publisher.disconnect();
  subscriber.disconnect();
}

async function withNodeRedis(RESP) {
  const { createClient } = require('redis');
  const options = { socket: { port }, RESP };
  const publisher = await createClient(options).connect();
  const subscriber = await publisher.duplicate().connect();
  const plain = collector(), patterns = collector(), sharded = collector();
  await subscriber.subscribe(['a', 'b'], (text, channel) => plain.add(channel, text));
  await subscriber.pSubscribe(['a*', '__keyevent@0__:*'], (text, channel) => patterns.add(channel, text));
  await subscriber.sSubscribe('s', (text, channel) => sharded.add(channel, text));
  const counts = await Promise.all(Array.from({ length: COUNT }, (_, i) => publisher.publish(i % 2 ? 'a' : 'b', String(i))));
  counts.forEach((count, i) => assert.strictEqual(count, i % 2 ? 2 : 1));
  (await plain.until(COUNT)).forEach((each, i) => assert.deepStrictEqual(each, [i % 2 ? 'a' : 'b', String(i)]));
  assert.strictEqual(await publisher.sPublish('s', 'm'), 1);
  assert.deepStrictEqual(await sharded.until(1), [['s', 'm']]);
  await publisher.configSet('notify-keyspace-events', 'KEA');
  await publisher.set('k', 'v');
  const all = await patterns.until(COUNT / 2 + 1);
  assert.deepStrictEqual(all[all.length - 1], ['__keyevent@0__:set', 'k']);
  if (RESP === 3) assert.strictEqual(await subscriber.get('k'), 'v');
  await subscriber.unsubscribe(['a', 'b']);
  await subscriber.pUnsubscribe(['a*', '__keyevent@0__:*']);
  await subscriber.sUnsubscribe('s');
  assert.strictEqual(await publisher.publish('a', 'nobody'), 0);
  if (RESP === 3) {
    const cached = await createClient({ ...options, clientSideCache: { ttl: 0, maxEntries: 0 } }).connect();
    for (let i = 0; i < 200; i++) {
      await publisher.set('cached', String(i));
      // The invalidation is on its way: a value read after it came is the new one.
      while ((await cached.get('cached')) !== String(i)) await new Promise((resolve) => setImmediate(resolve));
    }
    cached.destroy();
  }
  publisher.destroy();
  subscriber.destroy();
}

main(() => (which === 'ioredis' ? withIoredis() : withNodeRedis(Number(which))));
