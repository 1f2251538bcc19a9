-- What wrk sends: of ten requests eight hashes, one image and one array of numbers.
-- Arguments: the mean time between an answer and the next request of a connection in ms (0: none),
-- the file of the image, the file of the numbers.
local kinds = {}
local sent = 0
ok, rejected, late, other = 0, 0, 0, 0

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(args)
  local json = {["Content-Type"] = "application/json"}
  local hash = wrk.format("POST", "/hash", json, '{"password": "correct horse", "cost": 8}')
  for i = 1, 8 do kinds[i] = hash end
  kinds[9] = wrk.format("POST", "/filter?filter=gaussian_blur&sigma=2", {["Content-Type"] = "image/png"}, read(args[2]))
  kinds[10] = wrk.format("POST", "/stats", json, read(args[3]))
  local mean = tonumber(args[1])
  if mean > 0 then
    math.randomseed(1)
    -- Evenly from 0 to twice the mean, so that the connections don't march in step.
    delay = function() return math.random(0, 2 * mean) end
  end
end

function request()
  sent = sent + 1
  return kinds[sent % 10 + 1]
end

function response(status)
  if status == 200 then ok = ok + 1
  elseif status == 503 then rejected = rejected + 1
  elseif status == 504 then late = late + 1
  else other = other + 1 end
end

local threads = {}
function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local counts = {ok = 0, rejected = 0, late = 0, other = 0}
  for _, thread in ipairs(threads) do
    for name in pairs(counts) do counts[name] = counts[name] + thread:get(name) end
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"seconds": %f, "ok": %d, "rejected": %d, "late": %d, "other": %d, "socket_errors": %d, "p50_ms": %f, "p99_ms": %f}',
    summary.duration / 1e6, counts.ok, counts.rejected, counts.late, counts.other,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
