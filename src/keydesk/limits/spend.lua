-- Counts one call against all its buckets, or against none: the arithmetic of keydesk.core.gcra, in whole numbers that
-- stay below 2^53, on the server's own clock.
--
-- KEYS: one for each bucket. ARGV: what the call costs; then for each bucket `rate`, `day` or `month`, how much goes
-- into it, how much of that one call takes, and the milliseconds after which a count says nothing any more.
-- Gives the clock in microseconds, then mark and spent of each bucket as they were before the call, from which the
-- caller can tell what came of it. A count is kept as text, `<mark> <spent>`, for whoever looks with valkey-cli.
local MICROSECONDS = 1000000
local DAY_SECONDS = 86400

-- The months since the year 0 in which a day since 1970 lies (http://howardhinnant.github.io/date_algorithms.html).
local function month_of(day)
  local shifted = day + 719468
  local era = math.floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  return (era * 400 + year) * 12 + math.floor((5 * of_year + 2) / 153) + 2
end

local cost = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * MICROSECONDS + tonumber(clock[2])
local today = math.floor(tonumber(clock[1]) / DAY_SECONDS)
local found, kept, passes = {now}, {}, true

for place, key in ipairs(KEYS) do
  local window, size, share = ARGV[4 * place - 2], tonumber(ARGV[4 * place - 1]), tonumber(ARGV[4 * place])
  local value = redis.pcall('GET', key) -- what is not a count of ours, whoever put it there, counts as none
  local mark, spent = string.match(type(value) == 'string' and value or '', '^(%d+) (%d+)$')
  mark, spent = tonumber(mark) or 0, tonumber(spent) or 0
  found[2 * place], found[2 * place + 1] = mark, spent
  if window == 'rate' then
    local level = math.max(mark - now, 0)
    level = level > 2 * size and 0 or math.min(level, size)
    mark, spent = now + level + cost * share, 0
    passes = passes and mark - now <= size
  else
    local period = window == 'day' and today or month_of(today)
    spent = (mark == period and spent or 0) + cost * share
    mark = period
    passes = passes and spent <= size
  end
  kept[place] = string.format('%.0f %.0f', mark, spent)
end

if passes then
  for place, key in ipairs(KEYS) do
    redis.call('SET', key, kept[place], 'PX', ARGV[4 * place + 1])
  end
end
return found
