-- How a Release of weir.dev is, for Argo CD: README.md.
local health = {status = "Progressing", message = "its manifest has not been read yet"}
local status = obj.status
if status == nil or status.phase == nil then
  return health
end

-- A change of the manifest that was not looked at yet says nothing.
local generation = obj.metadata ~= nil and obj.metadata.generation or nil
if generation ~= nil and status.observedGeneration ~= nil and status.observedGeneration < generation then
  return health
end

local phase = status.phase
health.message = status.waitingFor
if health.message == nil or health.message == "" then
  health.message = phase
end

if phase == "Completed" then
  health.status = "Healthy"
  health.message = "the new version serves everything"
elseif phase == "RolledBack" or phase == "Aborting" then
  health.status = "Degraded"
  if status.failure ~= nil and status.failure.message ~= nil then
    health.message = status.failure.message
  end
elseif status.hold ~= nil then
  local waits = {Paused = true, Rejected = true, Conflict = true}
  health.status = waits[status.hold.reason] and "Suspended" or "Degraded"
elseif phase == "Running" and status.step ~= nil and status.step.state == "Approving" then
  health.status = "Suspended"
elseif status.failure ~= nil then
  -- The new version goes offline after it was taken back.
  health.status = "Degraded"
  health.message = status.failure.message
end

for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Accepted" and condition.status == "False" then
    health.status = "Degraded"
    health.message = condition.message
  end
end
return health
