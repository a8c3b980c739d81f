#!/usr/bin/python3
"""plant.py NAME FILE OUT: a copy of a source file with a bug planted in it, for a program that only the checker's tests run.
plant.py NAME --files: which files those are. The product's own files are never touched; a plant whose place is gone is an error:
plant.py --check finds all of those."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

PLANTS = {
    # An update is acknowledged when it was sent, not when Redis has it.
    "early": {"src/worker/update.c": [
        ("static void flush_gathered(struct sl_gather *g);\n",
         "static void flush_gathered(struct sl_gather *g);\nstatic void finish_update(struct sl_update *u, enum sl_err err, struct sl_head head);\n"),
        ("    if (u->done != NULL)\n        u->done(u->arg, err, head);\n    free(u);\n",
         "    if (u->done != NULL)\n        u->done(u->arg, err, head);\n    u->done = NULL;\n    if (head.version != UINT64_MAX)\n"
         "        free(u);\n"),
        ("    if (err == SL_OK)\n        return true;\n",
         "    if (err == SL_OK) {\n        for (uint32_t i = 0; i < group->count; i++)\n"
         "            finish_update(group->updates[i], SL_OK, (struct sl_head){.version = UINT64_MAX});\n        return true;\n    }\n"),
        # never inside sl_update_start
        ("    take_step(g, sl_pace_arrived(&g->pace, g->pending));\n    return u;\n",
         "    if (g->pace.in_flight == 0)\n        sl_timer_start(w->loop, &g->timer, 0);\n    return u;\n"),
    ]},
    # What a pop has given stays in the ring, once in a while.
    "ring": {"src/core/ring.c": [
        ("&r->head, &head, head + n, memory_order_acq_rel",
         "&r->head, &head, head + n - (head % 64 == 0), memory_order_acq_rel"),
    ]},
    # An owner does not remember how far it has taken from its list: Redis' cursor alone counts.
    "position": {"src/keeper/own.c": [
        ("    owned->position = from + count;\n", "    owned->position = from + count == owned->list->list.size ? from + count : 0;\n"),
    ]},
    # The file of the successor says of each list what had been taken when it was written first.
    "file": {"src/store/handover.c": [
        ("    if (*slot == SL_HANDOVER_NONE)\n        *slot = free_slot(h);\n    h->lists[*slot] = *handed;\n    return write_slot(h, *slot);\n",
         "    bool known = *slot != SL_HANDOVER_NONE;\n    if (!known)\n        *slot = free_slot(h);\n    h->lists[*slot] = *handed;\n"
         "    return known || write_slot(h, *slot);\n"),
    ]},
    # The file of the process before stays, for the next one too.
    "unlink": {"src/store/handover.c": [
        ("    if (unlinkat(h->directory, NAME, 0) == 0 || errno == ENOENT)\n        return true;\n    h->slots = 0;\n",
         "    if (h->directory >= 0)\n        return true;\n    h->slots = 0;\n"),
        ("    if (h->file < 0)\n        return false;\n    sl_handover_put_head", "    if (h->file < 0)\n        return errno == EEXIST;\n    sl_handover_put_head"),
    ]},
    # Nobody looks whether the data are of the history that the writer knows.
    "fence": {"src/store/lua/part/fence.lua": [
        ("    if n <= least or n > least + NEAR then\n", "    if false then\n"),
        ("    return redis.call('HGET', KEYS[1], 'lineage') == lineage\n", "    return true\n"),
    ], "src/store/lua/update.lua": [("if ahead <= 0 or ahead > 1048576 or (at ~= lineage and redis.call('HGET', KEYS[1], 'lineage') ~= lineage) then", "if lineage == 0 then")]},
    # What is acknowledged is not marked.
    "marks": {"src/store/lua/update.lua": [("        if marks == '1' then\n            local key", "        if false then\n            local key"),
                                           ("    if marks == '1' then\n        -- @part", "    if false then\n        -- @part")],
              "src/store/lua/batch.lua": [("local fresh = marks == '1' and", "local fresh = false and")]},
    # What an instance remembers replaces what Redis has.
    "copy": {"src/store/lua/part/join.lua": [("    return whole, steps\n", "    return true, {}\n")]},
    # A connection to another server may write as if it led to the keeper's.
    "confirm": {"src/pool/history.c": [
        ("    return h != NULL && strcmp(h->run_id, run_id) == 0 && strcmp(h->replid, replid) == 0;\n",
         "    return h != NULL && run_id != NULL && replid != NULL && strcmp(\"\", \"\") == 0;\n"),
    ]},
    # Others are thought to show at once what this instance has.
    "optimism": {"src/worker/visible.c": [
        ("    if (!everywhere)\n", "    if (false)\n"),
    ]},
    # The update-intervals of other instances do not count.
    "interval": {"src/worker/visible.c": [
        ("own_ms > others_ms ? own_ms : others_ms;", "own_ms > others_ms ? own_ms : own_ms;"),
    ]},
    # An instance that others do not know yet publishes by its own interval.
    "newcomer": {"src/keeper/owed.c": [
        ("    p->interval.before_ns = 0;\n    p->interval.raise_ns = sl_mono_ns(p->keeper->clock) + RAISE_NS;\n", "    p->interval.raise_ns = 0;\n"),
    ]},
    # Tokens of the process before are forgotten.
    "ttl": {"src/keeper/agree.c": [
        ("    if (err == SL_OK)\n        note_replaced(p, agreed);\n", "    if (err != SL_OK)\n        note_replaced(p, agreed);\n"),
    ]},
    # A connection's successor does not end it in Redis before its own first write.
    "predecessor": {"src/store/greet.c": [
        ('{"CLIENT", "KILL", "ID", text, NULL}', '{"CLIENT", "KILL", "ID", "9007199254740991", NULL}'),
    ]},
    # An unknown outcome is reported as a refusal.
    "refusal": {"src/store/ops.c": [
        ("        return unknown ? SL_ERR_OUTCOME_UNKNOWN : SL_ERR_UNAVAILABLE;\n    }\n    const",
         "        return SL_ERR_UNAVAILABLE;\n    }\n    const"),
    ]},
}


def planted(name, file):
    text = (ROOT / file).read_text()
    for old, new in PLANTS[name][file]:
        if text.count(old) != 1:
            sys.exit(f"plant {name}: {file} has {text.count(old)} of the place where it goes:\n{old}")
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        for plant, files in PLANTS.items():
            for path in files:
                planted(plant, path)
    elif sys.argv[2] == "--files":
        print(";".join(PLANTS[sys.argv[1]]))
    else:
        pathlib.Path(sys.argv[3]).write_text(planted(*sys.argv[1:3]))
