// Role: the tables of rows of this folder's files, for rows.cc, and what the handlers share. Thread: any.
#pragma once

#include <string_view>

#include "server/dispatch/conn_ctx.h"
#include "server/registry/command_row.h"

namespace tessera::conn {

using RowTable = std::span<const registry::CommandRow>;

RowTable basic_rows();
RowTable login_rows();
RowTable client_rows();
// CLIENT's subcommands by file; client_rows() joins them.
RowTable client_self_rows();
RowTable client_list_rows();
RowTable client_unblock_rows();
RowTable client_pause_rows();
RowTable client_tracking_rows();

// Names of clients and libraries: no blanks, no control characters, ASCII only.
bool is_client_word(std::string_view text);
inline constexpr const char* kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

// Puts a connection back to how it was accepted, but for what Redis keeps (CLIENT NO-EVICT, library name).
void reset_session(dispatch::ConnCtx& ctx);

}  // namespace tessera::conn
