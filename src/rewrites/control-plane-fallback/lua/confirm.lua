-- The filter of the VM's cluster: tells the router, and nobody else, to ask the control plane.

local SPACE = "offramp.fallback"
local CONTROL_PLANE, ORIGINAL = "x-offramp-control-plane", "x-offramp-original"

local function is_json(headers)
  local media = (headers:get("content-type") or ""):lower():match("^[^;]*"):gsub("%s", "")
  return media == "application/json" or media:find("^application/[%w%.%-_]+%+json$") ~= nil
end

local function may_be_gone(headers, limit)
  if headers:get(":status") ~= "404" or not is_json(headers) then return false end
  if (headers:get("content-encoding") or "identity"):lower() ~= "identity" then return false end
  -- Without a length, the body's own is looked at once it is there.
  local length = tonumber(headers:get("content-length") or 1)
  return length ~= nil and length > 0 and length <= limit
end

function envoy_on_response(handle)
  local headers = handle:headers()
  headers:remove(CONTROL_PLANE)
  headers:remove(ORIGINAL)
  local metadata = handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(SPACE)
  -- Only a clone leaves a limit: without one the cluster answers as a control plane.
  if not kept or not kept.limit or not may_be_gone(headers, kept.limit) then return end
  local body = handle:body()
  if not body or body:length() > kept.limit then return end
  if json_code(body:getBytes(0, body:length())) ~= "browser_gone" then return end
  -- What was fetched before the wait for the body is dead.
  headers = handle:headers()
  metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(SPACE, "confirmed", true)
  if headers:get("location") then metadata:set(SPACE, "replaced", headers:get("location")) end
  headers:replace(":status", "303")
  headers:replace("location", kept.location)
  headers:replace(CONTROL_PLANE, kept.key)
  headers:replace(ORIGINAL, kept.original)
end
