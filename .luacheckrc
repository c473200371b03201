-- LuaJIT is what Envoy runs. Each file sees only what it is sent with: lua-sources.ts joins them.
std = "luajit"
max_line_length = 120
max_cyclomatic_complexity = 12

local lua = "src/rewrites/control-plane-fallback/lua/"

-- A part in front defines locals for those behind it, which cannot be seen to be used.
files[lua .. "memory.lua"] = { ignore = { "211/session_id", "211/is_remembered", "211/LINE" } }
files[lua .. "json-code.lua"] = { ignore = { "211/json_code" } }

-- What a part behind reads of those, and what Envoy calls.
files[lua .. "filter.lua"] = {
  read_globals = { "session_id", "bucket_of", "read_bucket", "LINE" },
  globals = { "envoy_on_request", "envoy_on_response" },
}
files[lua .. "confirm.lua"] = {
  read_globals = { "json_code" },
  globals = { "envoy_on_response" },
}
files[lua .. "matcher.lua"] = {
  read_globals = { "before", "scope", "folder", "session_id", "is_remembered" },
  globals = { "envoy_match" },
}
