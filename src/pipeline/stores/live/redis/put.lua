-- Takes last words in, each unless a newer one of its device and kind is there; then the dead go, then the oldest beyond the capacity.
--
-- KEYS: the meter, then for every kind its words, ages, places and polar devices.
-- ARGV: watermark [ms] or '', capacity, life of the keys [ms], most words to take away, the format, the number of kinds, the life of
-- each kind's words [ms], and seven for every record: kind, device, stamp, time [ms], latitude or '', longitude or '', JSON.
-- A stamp is epoch and sequence in 30 digits, so that texts compare as the pairs do; a word is its stamp and its JSON.
-- Gives 1 if there is more to take away, 0 if not.
local meter = KEYS[1]
local mark, capacity, key_life, budget = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local kinds = tonumber(ARGV[6])
local STAMP, FIELDS = 30, 7

local function words_of(kind) return KEYS[kind * 4 - 2] end
local function ages_of(kind) return KEYS[kind * 4 - 1] end
local function places_of(kind) return KEYS[kind * 4] end
local function poles_of(kind) return KEYS[kind * 4 + 1] end

local format = redis.call('HGET', meter, 'format')
if not format then
  redis.call('HSET', meter, 'format', ARGV[5])
elseif format ~= ARGV[5] then
  return redis.error_reply('FORMAT these keys have format ' .. format .. ', this program writes format ' .. ARGV[5]
    .. '; choose another prefix')
end

local clock = redis.call('HGET', meter, 'clock')
if mark ~= '' and (not clock or tonumber(mark) > tonumber(clock)) then
  redis.call('HSET', meter, 'clock', mark)
  clock = mark
end

for at = 7 + kinds, #ARGV, FIELDS do
  local kind, device, stamp, time = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local latitude, longitude = ARGV[at + 4], ARGV[at + 5]
  local old = redis.call('HGET', words_of(kind), device)
  if not old or string.sub(old, 1, STAMP) < stamp then
    redis.call('HSET', words_of(kind), device, stamp .. ARGV[at + 6])
    redis.call('ZADD', ages_of(kind), time, device)
    -- The index of places ends at 85.05 degrees; who is beyond stands in a list that is always looked through.
    local polar = latitude ~= '' and math.abs(tonumber(latitude)) > 85
    if polar then redis.call('SADD', poles_of(kind), device) else redis.call('SREM', poles_of(kind), device) end
    if latitude ~= '' and not polar then
      redis.call('GEOADD', places_of(kind), longitude, latitude, device)
    else
      redis.call('ZREM', places_of(kind), device)
    end
  end
end

local function forget(kind, devices)
  for from = 1, #devices, 1000 do
    local to = math.min(from + 999, #devices)
    redis.call('HDEL', words_of(kind), unpack(devices, from, to))
    redis.call('ZREM', ages_of(kind), unpack(devices, from, to))
    redis.call('ZREM', places_of(kind), unpack(devices, from, to))
    redis.call('SREM', poles_of(kind), unpack(devices, from, to))
  end
end

local expired = 0
if clock then
  for kind = 1, kinds do
    if budget > 0 then
      local last = string.format('%.0f', tonumber(clock) - tonumber(ARGV[6 + kind]))
      local dead = redis.call('ZRANGEBYSCORE', ages_of(kind), '-inf', last, 'LIMIT', 0, budget)
      forget(kind, dead)
      expired = expired + #dead
      budget = budget - #dead
    end
  end
end

local total, heads = 0, {}
for kind = 1, kinds do total = total + redis.call('ZCARD', ages_of(kind)) end
local evicted = 0
if total > capacity and budget > 0 then
  for kind = 1, kinds do heads[kind] = redis.call('ZRANGE', ages_of(kind), 0, 0, 'WITHSCORES') end
  while total > capacity and budget > 0 do
    local oldest
    for kind = 1, kinds do
      -- Kinds come in their order: of equally old ones the first goes.
      if heads[kind][1] and (not oldest or tonumber(heads[kind][2]) < tonumber(heads[oldest][2])) then oldest = kind end
    end
    forget(oldest, { heads[oldest][1] })
    heads[oldest] = redis.call('ZRANGE', ages_of(oldest), 0, 0, 'WITHSCORES')
    total, evicted, budget = total - 1, evicted + 1, budget - 1
  end
end

if expired > 0 then redis.call('HINCRBY', meter, 'expired', expired) end
if evicted > 0 then redis.call('HINCRBY', meter, 'evicted', evicted) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, key_life) end
return budget == 0 and 1 or 0
