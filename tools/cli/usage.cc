// Role: the texts of --help and --version.
#include "tools/cli/options.h"

namespace tessera::cli {

std::string version_text() {
  return "tessera-cli " TESSERA_VERSION "\n";
}

std::string usage_text() {
  return version_text() + R"(
Usage: tessera-cli [options] [command [argument ...]]

Without a command: an interactive session, or the commands of standard input, one a line.

Connection
  -h <host>              Name or address of the server (127.0.0.1)
  -p <port>              Its port (6379)
  -s <path>              Unix socket, instead of host and port
  -t <seconds>           Longest time for connecting (no limit)
  -u <uri>               redis://[user[:password]@]host[:port][/database]
  -a, --pass <password>  Password; safer in the environment variable REDISCLI_AUTH
  --user <name>          User of the password; needs one
  --askpass              Ask for the password, without showing it
  --no-auth-warning      Be silent about a password on the command line
  -n <number>            Database
  -2 | -3                Protocol version of the session
  -c                     Cluster: follow MOVED and ASK to other nodes
  --tls and its options are refused: TLS is not built in

Commands
  -r <count>             Run the command that often; negative: for ever
  -i <seconds>           Pause between repetitions, and between the steps of --scan, --stat, --bigkeys ...; may be 0.1
  -x                     Take the last argument from standard input
  -X <tag>               Take the argument that equals <tag> from standard input
  -e                     Error replies go to standard error and the exit code is 1
  --quoted-input         Arguments are quoted strings with escapes ("a\x00b")
  --eval <file> [keys , arguments]
                         Run the Lua script in the file; a comma of its own ends the keys
  --ldb                  With --eval: debug the script, on a copy of the data
  --ldb-sync-mode        The same on the data itself; the server waits meanwhile

Output (formatted for people on a terminal, else raw)
  --raw, --no-raw        Raw or formatted, whatever the output is
  --csv                  Comma separated
  --json, --quoted-json  JSON (in RESP3, unless -2); quoted: ASCII only
  -d <delimiter>         Between elements of raw replies (line feed)
  -D <delimiter>         After raw replies (line feed)
  --show-pushes <yn>     Print pushes of RESP3 that come along
  --verbose              Say more

Modes
  --scan                 Print all keys
  --pattern <glob>       Only these, for --scan, --bigkeys, --memkeys, --hotkeys
  --quoted-pattern <s>   The pattern as a quoted string
  --type <type>          Only keys of this type, for --scan
  --count <n>            COUNT of each SCAN
  --pipe                 Send standard input, commands in protocol form, and count replies
  --pipe-timeout <s>     Longest silence at the end of --pipe (30; 0: no limit)
  --stat                 A line of figures of the server per second
  --latency              Round trip times, until stopped; not on a terminal: for one second
  --latency-history      The same, a new line every 15 seconds (see -i)
  --latency-dist         The same as a spectrum in colours
  --intrinsic-latency <s>  How long this machine makes a busy process wait
  --bigkeys              The largest keys by number of elements
  --memkeys              The largest keys by memory
  --memkeys-samples <n>  The same, n elements of each key are measured
  --hotkeys              The keys used most; needs an LFU policy
  --lru-test <keys>      Simulate a cache of that many keys, 80 % of requests to 20 % of them
  --replica              Act as a replica and print the commands that come
  --rdb <file>           Write a snapshot of the server to a file ("-": standard output)
  --functions-rdb <file> The same, functions only
  --cluster <command>    Manage a cluster

  --help, --version

Examples
  tessera-cli get greeting
  tessera-cli -x set page < index.html
  tessera-cli -r 10 -i 1 info memory | grep used_memory_human
  tessera-cli --scan --pattern 'user:*' | head
  tessera-cli --eval sum.lua key1 key2 , 10

)";
}

}  // namespace tessera::cli
