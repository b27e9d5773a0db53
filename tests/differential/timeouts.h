// Role: keeps commands that wait from waiting long: nobody pushes while a connection has its turn. Thread: any.
#pragma once

#include <string>
#include <vector>

namespace tessera::differential {

// Time-outs that both servers would take become a millisecond; wrong ones stay as they are.
void shorten_timeouts(std::vector<std::string>& args);

}  // namespace tessera::differential
