-- The HTTP filter of the connection manager, switched on by the routes that have a filter context for it.

local SPACE = "offramp.fallback"
local CONTROL_PLANE, ORIGINAL = "x-offramp-control-plane", "x-offramp-original"
local PLACES, LONGEST_ID = 16, 128
-- No two Lua states of this process have the same.
local unique = tostring({}):gsub("%W", "")

local function encode(text)
  return (text:gsub("[^%w%-%._]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The path without a query parameter, whoever put it there; otherwise byte for byte.
local function without_parameter(path, name)
  local mark = path:find("?", 1, true)
  if not mark or not name then return path end
  local kept, dropped = {}, false
  for pair in (path:sub(mark + 1) .. "&"):gmatch("([^&]*)&") do
    if decode(pair:match("^[^=]*")) == name then
      dropped = true
    else
      kept[#kept + 1] = pair
    end
  end
  if not dropped then return path end
  return path:sub(1, mark - 1) .. (#kept > 0 and "?" .. table.concat(kept, "&") or "")
end

local function pack(headers, path)
  local packed = {}
  for name, value in pairs(headers) do
    if name == ":path" then value = path end
    if name ~= ":method" then packed[#packed + 1] = encode(name) .. "=" .. encode(value) end
  end
  return table.concat(packed, "&")
end

local function unpack_into(headers, packed)
  local present = {}
  for name in pairs(headers) do
    present[name] = true
  end
  for name in pairs(present) do
    if name:sub(1, 1) ~= ":" then headers:remove(name) end
  end
  for name, value in packed:gmatch("([^=&]+)=([^&]*)") do
    name, value = decode(name), decode(value)
    if name:sub(1, 1) == ":" then
      headers:replace(name, value)
    else
      headers:add(name, value)
    end
  end
end

local function write_file(name, text)
  local file = io.open(name, "wb")
  if not file then return false end
  local written = file:write(text)
  -- A full file system shows only here.
  return file:close() and written
end

-- Whether the session is now in its bucket, before the others: the last ones stay. Of two workers that write
-- one bucket at once the last one wins: the other session is learned by its next fallback.
local function remember(folder, session, ttl)
  local bucket, now = bucket_of(folder, session), os.time()
  local lines = { ("%d %s\n"):format(now + ttl, session) }
  for ends, other in read_bucket(bucket):gmatch(LINE) do
    if other ~= session and tonumber(ends) > now and #lines < PLACES then
      lines[#lines + 1] = ("%d %s\n"):format(ends, other)
    end
  end
  local draft = ("%s.%s"):format(bucket, unique)
  if write_file(draft, table.concat(lines)) and os.rename(draft, bucket) then return true end
  os.remove(draft)
  return false
end

local roles = {}

-- To a VM: keep what the client sent, where only the cluster's filter can read it.
function roles.vm(headers, metadata, context)
  local path = without_parameter(headers:get(":path"), context:get("drop"))
  metadata:set(SPACE, "key", context:get("key"))
  metadata:set(SPACE, "limit", context:get("limit"))
  metadata:set(SPACE, "location", ("%s://%s/"):format(headers:get(":scheme"), headers:get(":authority")))
  metadata:set(SPACE, "original", pack(headers, path))
end

-- Once more, to the control plane: exactly the client's request, and its session is gone.
function roles.replay(headers, metadata, context, handle)
  metadata:set(SPACE, "settled", context:get("key"))
  unpack_into(headers, headers:get(ORIGINAL))
  local id = session_id(headers:get(":path"), context:get("before"))
  if not id or #id > LONGEST_ID then return end
  local session = context:get("scope") .. " " .. id
  if not remember(context:get("folder"), session, context:get("ttl")) then
    handle:logWarn("offramp: cannot write to " .. context:get("folder") .. ", so the session is not remembered")
  end
end

-- Remembered, so sent to the control plane at once.
function roles.remembered(headers, metadata, context)
  metadata:set(SPACE, "settled", context:get("key"))
  local path = headers:get(":path")
  local without = without_parameter(path, context:get("drop"))
  if without ~= path then headers:replace(":path", without) end
end

function envoy_on_request(handle)
  local context = handle:filterContext()
  roles[context:get("role")](handle:headers(), handle:streamInfo():dynamicMetadata(), context, handle)
end

-- The router would not redirect, for instance because the request's body had not ended: the VM's 404 again.
function envoy_on_response(handle)
  local kept = handle:streamInfo():dynamicMetadata():get(SPACE)
  if not kept or not kept.confirmed then return end
  local headers = handle:headers()
  headers:replace(":status", "404")
  headers:remove("location")
  if kept.replaced then headers:add("location", kept.replaced) end
  headers:remove(CONTROL_PLANE)
  headers:remove(ORIGINAL)
end
