// Role: the help text. It stays beside the table of options in options.cc.
#include "tools/benchmark/options.h"

namespace tessera::benchmark {

std::string usage_text() {
  return R"(Usage: tessera-benchmark [OPTIONS] [COMMAND ARGS...]

Where to:
 -h <hostname>      Server (127.0.0.1)
 -p <port>          Port (6379)
 -s <socket>        Unix socket instead of host and port
 -a <password>      Password
 --user <username>  AUTH with this user; needs -a
 -u <uri>           redis://[user[:password]@]host[:port][/db]
 --dbnum <db>       SELECT this database first (0)
 -3                 Speak RESP3
 --cluster          Read the slots of the cluster and load each of its primaries. In a command of
                    your own every key holds "{tag}", which becomes a hash tag of the node's slots
 --enable-tracking  Send CLIENT TRACKING ON first

How much:
 -c <clients>       Parallel connections (50)
 -n <requests>      Requests in all (100000)
 -P <numreq>        Requests in one pipeline (1)
 --rps <requests>   So many a second, all clients together (0: as many as they can). A request that
                    no client is free for counts its latency from when it was due
 -d <size>          Bytes of a value (3)
 -r <keyspacelen>   Every __rand_int__ becomes 12 digits of a random number from 0 to keyspacelen-1,
                    in the built-in tests too; without -r they use one key
 --sequential       With -r: the numbers follow each other instead (to fill a keyspace)
 -k <boolean>       1 = keep connections, 0 = connect for each pipeline (1)
 --threads <num>    Threads, each with its own event loop (one)
 -l                 Run the tests for ever
 -I                 Open the connections and wait

What:
 -t <tests>         Only these, separated by commas: ping_inline ping_mbulk (or ping) set get incr lpush
                    rpush lpop rpop sadd hset spop zadd zpopmin lrange lrange_100 lrange_300 lrange_500
                    lrange_600 mset xadd
 -x                 The last argument of the command comes from standard input
 COMMAND ARGS       This command instead of the tests; __rand_int__ as above, __data__ becomes a value
                    of -d bytes

Output:
 -q                 One line for each test
 --csv              Comma separated values with a header
 --precision <num>  Decimals of latencies in milliseconds (3)
 -e                 Accepted for compatibility
 --help --version

An error reply ends the run with exit code 1.

Examples:
 Fill with exactly one million keys:
   $ tessera-benchmark -t set -n 1000000 -r 1000000 --sequential -P 100 -q
 A cluster, two threads:
   $ tessera-benchmark --cluster --threads 2 -t set,get -r 1000000 -P 16
 A command of your own:
   $ tessera-benchmark -r 10000 -n 10000 -d 100 setex key:__rand_int__ 60 __data__
)";
}

}  // namespace tessera::benchmark
