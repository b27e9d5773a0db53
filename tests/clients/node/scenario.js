// What every client of Node.js does: values, a pipeline, MGET over hash tags, 100,000 keys there and back.
// `client` adapts a library: set, get, mset(object), mget(keys), incr, del(keys), dbsize, many(commands) -> replies
// (one pipeline; commands are arrays of words), raw(words).
'use strict';
const assert = require('node:assert');

const KEYS = 100000;
const BATCH = 1000;

async function scenario(client) {
  assert.strictEqual(await client.set('greeting', 'hello'), 'OK');
  assert.strictEqual(await client.get('greeting'), 'hello');
  assert.strictEqual(await client.get('nosuch'), null);
  assert.strictEqual(await client.set('ключ', 'значение €'), 'OK');
  assert.strictEqual(await client.get('ключ'), 'значение €');
  assert.strictEqual(await client.incr('counter'), 1);
  assert.deepStrictEqual(await client.many([['SET', '{p}a', '1'], ['INCR', '{p}a'], ['GET', '{p}a'], ['STRLEN', '{p}a']]),
    ['OK', 2, '2', 1]);
  await assert.rejects(client.incr('greeting'), /not an integer/);

  for (let i = 0; i < 50; i++) {
    await client.mset({ [`{user:${i}}:a`]: `${i}a`, [`{user:${i}}:b`]: `${i}b` });
    assert.deepStrictEqual(await client.mget([`{user:${i}}:a`, `{user:${i}}:b`, `{user:${i}}:x`]), [`${i}a`, `${i}b`, null]);
  }
  assert.strictEqual(await client.del(['{user:1}:a', '{user:1}:b', '{user:1}:x']), 2);

  const before = await client.dbsize();
  for (let base = 0; base < KEYS; base += BATCH) {
    const commands = [];
    for (let i = base; i < base + BATCH; i++) commands.push(['SET', `key:${i}`, `value:${i}`]);
    for (const reply of await client.many(commands)) assert.strictEqual(reply, 'OK');
  }
  assert.strictEqual(await client.dbsize(), before + KEYS);
  for (let base = 0; base < KEYS; base += BATCH) {
    const commands = [];
    for (let i = base; i < base + BATCH; i++) commands.push(['GET', `key:${i}`]);
    const replies = await client.many(commands);
    for (let i = 0; i < BATCH; i++) assert.strictEqual(replies[i], `value:${base + i}`);
  }
}

// Ends the process with a message that says how it went.
async function main(run) {
  const timer = setTimeout(() => {
    console.error('not done in 120 s');
    process.exit(1);
  }, 120000);
  try {
    await run();
    console.log('DONE');
    clearTimeout(timer);
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}

module.exports = { scenario, main };
