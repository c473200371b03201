-- Strict JSON (RFC 8259, UTF-8, no byte order mark): a body that JSON.parse would refuse has no code.

local DEEPEST = 100
local ESCAPED = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local SEQUENCES = {
  "[\194-\223][\128-\191]",
  "\224[\160-\191][\128-\191]",
  "[\225-\236\238\239][\128-\191][\128-\191]",
  "\237[\128-\159][\128-\191]",
  "\240[\144-\191][\128-\191][\128-\191]",
  "[\241-\243][\128-\191][\128-\191][\128-\191]",
  "\244[\128-\143][\128-\191][\128-\191]",
}

local function is_utf8(bytes)
  for _, sequence in ipairs(SEQUENCES) do
    bytes = bytes:gsub(sequence, "?")
  end
  return not bytes:find("[\128-\255]")
end

local function skip_space(s, i) return s:find("[^ \t\r\n]", i) or #s + 1 end

-- Each reader gets the place of its first character and gives the place behind its last one, or nil.

local function read_escape(s, i)
  local hex = s:match("^u(%x%x%x%x)", i)
  if not hex then return i + 1, ESCAPED[s:sub(i, i)] end
  local code = tonumber(hex, 16)
  -- What is compared is ASCII; any other character may look alike, it only has to differ.
  return i + 5, code < 128 and string.char(code) or "?"
end

local function read_string(s, i)
  local parts, from = {}, i + 1
  while true do
    local at = s:find('[%c"\\]', from)
    if not at then return nil end
    local found = s:sub(at, at)
    local text = found
    parts[#parts + 1] = s:sub(from, at - 1)
    if found == '"' then return at + 1, table.concat(parts) end
    if found == "\\" then
      at, text = read_escape(s, at + 1)
      if not text then return nil end
    elseif found ~= "\127" then
      return nil
    else
      at = at + 1
    end
    parts[#parts + 1], from = text, at
  end
end

local function read_number(s, i)
  local at = s:match("^%-?0()", i) or s:match("^%-?[1-9]%d*()", i)
  if not at then return nil end
  at = s:match("^%.%d+()", at) or at
  return s:match("^[eE][+-]?%d+()", at) or at
end

local function read_list(s, i, close, read_item)
  i = skip_space(s, i + 1)
  if s:sub(i, i) == close then return i + 1 end
  while true do
    i = read_item(i)
    if not i then return nil end
    i = skip_space(s, i)
    local mark = s:sub(i, i)
    if mark == close then return i + 1 end
    if mark ~= "," then return nil end
    i = skip_space(s, i + 1)
  end
end

local read_value

local function read_member(s, i, depth)
  if s:sub(i, i) ~= '"' then return nil end
  local at, name = read_string(s, i)
  if not at then return nil end
  at = s:match("^[ \t\r\n]*:()", at)
  if not at then return nil end
  local behind, text = read_value(s, skip_space(s, at), depth + 1)
  return behind, name, text
end

function read_value(s, i, depth)
  if depth > DEEPEST then return nil end
  local first = s:sub(i, i)
  if first == '"' then return read_string(s, i) end
  if first == "{" then
    return read_list(s, i, "}", function(at) return (read_member(s, at, depth)) end)
  end
  if first == "[" then
    return read_list(s, i, "]", function(at) return (read_value(s, at, depth + 1)) end)
  end
  return s:match("^true()", i) or s:match("^false()", i) or s:match("^null()", i) or read_number(s, i)
end

-- The text of the top-level member "code" of a JSON object, of several the last one; otherwise nil.
local function json_code(body)
  local i = skip_space(body, 1)
  if body:sub(i, i) ~= "{" or not is_utf8(body) then return nil end
  local code
  local behind = read_list(body, i, "}", function(at)
    local following, name, text = read_member(body, at, 1)
    if name == "code" then code = text end
    return following
  end)
  if not behind or skip_space(body, behind) <= #body then return nil end
  return code
end
