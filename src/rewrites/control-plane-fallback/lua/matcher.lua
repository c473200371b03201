-- Envoy asks this while it chooses the route, before there is a filter chain. Behind `before`, `scope` and
-- `folder`, which the rewrite writes in front.

function envoy_match(path)
  local id = session_id(path, before)
  return id ~= nil and is_remembered(folder, scope .. " " .. id)
end
