-- Hold rows, unless something as new or newer is known of them.
-- KEYS[1]: fence of the namespace; KEYS[2..]: rows. ARGV[1]: how long, in ms; ARGV[2..]: values.
-- A value starts with its log position in 16 digits; a value that is nothing else is a tombstone.
local fence = redis.call('GET', KEYS[1])
for i = 2, #KEYS do
    local position = string.sub(ARGV[i], 1, 16)
    if not (fence and position <= fence) then
        if redis.call('GETRANGE', KEYS[i], 0, 15) < position then
            redis.call('SET', KEYS[i], ARGV[i], 'PX', ARGV[1])
        end
    end
end
return 0
