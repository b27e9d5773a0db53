// redlock.js <port> standalone|cluster: a lock that ten holders want, its extension, locks of several keys.
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const Redlock = require('redlock');
const { main } = require('./scenario');

const port = Number(process.argv[2]);
const clustered = process.argv[3] === 'cluster';
const connect = () => (clustered ? new Redis.Cluster([{ host: '127.0.0.1', port }], { slotsRefreshTimeout: 60000 }) : new Redis({ port }));

main(async () => {
  const clients = Array.from({ length: 10 }, connect);
  const locks = clients.map((client) => new Redlock([client], { retryCount: 2000, retryDelay: 5, retryJitter: 10 }));
  locks.forEach((lock) => lock.on('clientError', (error) => { console.error(error); process.exit(1); }));

  // Reads and writes that only the lock makes one step.
  let inside = 0;
  await Promise.all(locks.map(async (redlock, i) => {
    for (let round = 0; round < 10; round++) {
      const lock = await redlock.lock('lock:counter', 20000);
      assert.strictEqual(++inside, 1);
      const value = Number(await clients[i].get('redlock:counter')) || 0;
      await clients[i].set('redlock:counter', value + 1);
      inside--;
      await lock.unlock();
    }
  }));
  assert.strictEqual(await clients[0].get('redlock:counter'), '100');
  assert.strictEqual(await clients[0].get('lock:counter'), null);

  // Several keys: in a cluster of one slot.
  const keys = ['{many}:1', '{many}:2', '{many}:3'].map((key) => (clustered ? key : key.replace(/[{}]/g, '')));
  const held = await locks[0].lock(keys, 20000);
  const impatient = new Redlock([clients[1]], { retryCount: 0 });
  await assert.rejects(impatient.lock(keys[2], 1000), /unable to achieve a quorum|exceeded 0 attempts/i);
  const longer = await held.extend(30000);
  assert.ok((await clients[2].pttl(keys[1])) > 20000);
  await longer.unlock();
  await (await impatient.lock(keys[2], 1000)).unlock();

  // Who comes too late does not release what another one holds.
  const short = await impatient.lock('lock:short', 300);
  const next = await locks[2].lock('lock:short', 20000);
  await assert.rejects(short.unlock());
  assert.notStrictEqual(await clients[0].get('lock:short'), null);
  await next.unlock();
  clients.forEach((client) => client.disconnect());
});
