-- For scripts that look into a lineage's id: 12 hex digits of ms, '-', 16 random ones. The numbers are those of core/history.h.
local function drawn_ms(lineage)
    return lineage == '0' and 0 or tonumber(string.sub(lineage, 1, 12), 16)
end

-- For how many ms after its drawing indices that are acknowledged in it are marked.
local function marks_window(lineage)
    return string.sub(lineage, -1) == '1' and 3600000 or 600000
end

local function marks_end(lineage)
    return drawn_ms(lineage) + marks_window(lineage)
end
