/* hiredis: values, a pipeline, MGET over a hash tag, 100,000 keys there and back, binary bytes, errors.
 * hiredis_client <port>; prints DONE, or what went wrong and exits 1. Built by test_hiredis.py. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kKeys = 100000, kBatch = 1000 };

static void fail(const char* what, const redisContext* context) {
  printf("FAILED: %s (%s)\n", what, context != NULL ? context->errstr : "");
  exit(1);
}

static void expect(int condition, const char* what, const redisContext* context) {
  if (!condition) fail(what, context);
}

static redisReply* take(redisContext* context) {
  void* reply = NULL;
  if (redisGetReply(context, &reply) != REDIS_OK) fail("redisGetReply", context);
  return reply;
}

static void values(redisContext* c) {
  redisReply* r = redisCommand(c, "SET %s %b", "binary", "a\0b\r\n", (size_t)5);
  expect(r->type == REDIS_REPLY_STATUS && strcmp(r->str, "OK") == 0, "SET", c);
  freeReplyObject(r);
  r = redisCommand(c, "GET binary");
  expect(r->type == REDIS_REPLY_STRING && r->len == 5 && memcmp(r->str, "a\0b\r\n", 5) == 0, "GET of binary bytes", c);
  freeReplyObject(r);
  r = redisCommand(c, "GET nosuch");
  expect(r->type == REDIS_REPLY_NIL, "GET of a missing key", c);
  freeReplyObject(r);
  r = redisCommand(c, "INCRBY n 42");
  expect(r->type == REDIS_REPLY_INTEGER && r->integer == 42, "INCRBY", c);
  freeReplyObject(r);
  r = redisCommand(c, "INCR binary");
  expect(r->type == REDIS_REPLY_ERROR && strncmp(r->str, "ERR value is not an integer", 27) == 0, "INCR of text", c);
  freeReplyObject(r);
  r = redisCommand(c, "MSET {t}a 1 {t}b 2");
  freeReplyObject(r);
  r = redisCommand(c, "MGET {t}a {t}b {t}c");
  expect(r->type == REDIS_REPLY_ARRAY && r->elements == 3, "MGET", c);
  expect(strcmp(r->element[1]->str, "2") == 0 && r->element[2]->type == REDIS_REPLY_NIL, "MGET's elements", c);
  freeReplyObject(r);
}

static void round_trip(redisContext* c) {
  for (int base = 0; base < kKeys; base += kBatch) {
    for (int i = base; i < base + kBatch; i++) redisAppendCommand(c, "SET key:%d value:%d", i, i);
    for (int i = base; i < base + kBatch; i++) {
      redisReply* r = take(c);
      expect(r->type == REDIS_REPLY_STATUS, "a SET of the pipeline", c);
      freeReplyObject(r);
    }
  }
  for (int base = 0; base < kKeys; base += kBatch) {
    for (int i = base; i < base + kBatch; i++) redisAppendCommand(c, "GET key:%d", i);
    for (int i = base; i < base + kBatch; i++) {
      char value[32];
      snprintf(value, sizeof value, "value:%d", i);
      redisReply* r = take(c);
      expect(r->type == REDIS_REPLY_STRING && strcmp(r->str, value) == 0, "a GET of the pipeline", c);
      freeReplyObject(r);
    }
  }
  redisReply* r = redisCommand(c, "DBSIZE");
  expect(r->integer == kKeys + 4, "DBSIZE", c);
  freeReplyObject(r);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  redisContext* c = redisConnect("127.0.0.1", atoi(argv[1]));
  if (c == NULL || c->err) fail("connect", c);
  redisReply* r = redisCommand(c, "FLUSHALL");
  freeReplyObject(r);
  values(c);
  round_trip(c);
  redisFree(c);
  printf("DONE\n");
  return 0;
}
