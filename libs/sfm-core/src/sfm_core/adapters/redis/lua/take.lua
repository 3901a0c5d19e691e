-- One call under GCRA; sfm_core/gcra.py says the same in Python.
-- KEYS[1]: arrival time of the subject. ARGV: interval, burst (microseconds), now or '' for the server's clock.
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = tonumber(ARGV[3])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local arrival = tonumber(redis.call('GET', KEYS[1]) or 0)
if arrival <= now or arrival > now + burst then
    arrival = now
end
local after = arrival + interval
local allowed = after - now <= burst
if allowed then
    local lasts = math.ceil((after - now) / 1000)
    redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', string.format('%.0f', lasts))
else
    after = arrival
end
return {
    allowed and 1 or 0,
    math.floor((burst - (after - now)) / interval),
    allowed and 0 or after + interval - now - burst,
    after - now,
}
