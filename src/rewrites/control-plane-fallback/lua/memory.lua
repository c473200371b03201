-- The sessions that are gone. In files of a tmpfs folder, because Envoy's workers, listeners and route
-- matchers each have a Lua of their own and share nothing else. A bucket file is replaced as a whole, so
-- who reads it sees one writer's whole lines: no mixture of two sessions can send a third one away.

local BUCKETS = 1021
local LINE = "(%d+) ([^\n]*)\n"

-- The segment behind the literal start of a path, or nil.
local function session_id(path, before)
  if path:sub(1, #before) ~= before then return nil end
  return path:match("^[^/?#]+", #before + 1)
end

local function bucket_of(folder, session)
  local hash = 0
  for i = 1, #session do
    hash = (hash * 12345701 + session:byte(i)) % 16777213
  end
  return ("%s/offramp-%d"):format(folder, hash % BUCKETS)
end

local function read_bucket(bucket)
  local file = io.open(bucket, "rb")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text or ""
end

local function is_remembered(folder, session)
  for ends, other in read_bucket(bucket_of(folder, session)):gmatch(LINE) do
    if other == session and tonumber(ends) > os.time() then return true end
  end
  return false
end
