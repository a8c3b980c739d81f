/* The ring of src/core/ring.c among those who use it: the keeper, who alone puts in, and takes out for waiting
 * reservations as one consumer more (src/keeper/take.c); workers, who pop all or nothing and wait with the
 * keeper when too few are there. Each load, store and compare-and-swap of the C code is a step of its own
 * here, so others move between any two of them: while slots are read they may be popped and written again.
 *
 * Memory is sequentially consistent here. That covers what the C orders leave open, because each order stands
 * for a step that must not change places with another, and each such change is a mutation below: an acquire
 * less at the consumer's loads is TAIL_BEFORE_HEAD or READ_AFTER_CAS (slots read when the place is already
 * given free), a release less at the producer is TAIL_BEFORE_SLOTS.
 *
 * Claims: an entry comes out once and never without having been put in; a pop fails only when too few are
 * there; at the end every entry has come out or is still inside; every request ends, without a worker or the
 * keeper going round for ever (script/model looks for cycles without progress, and for states without an end).
 *
 * Mutations, by name of a macro, each of which script/model expects to fail: TAIL_BEFORE_HEAD, READ_AFTER_CAS,
 * NO_CAS, TAIL_BEFORE_SLOTS, NO_ROOM_CHECK; WAITS_FOR_THE_RING (the keeper) for progress.
 *
 * Positions are 64 bits there and never wrap; here they are far from 255. */

#define ROOM 2
#define WORKERS 2
#define REQUESTS 2 /* of each worker, for 1 or 2 entries */
#define MOST 16

byte slots[ROOM];
byte head, tail;
bool refill_wanted = true;
byte queued, served; /* reservations that wait with the keeper; requests that have ended */

byte made;           /* entries 1 .. made exist */
bit put[MOST], out[MOST];

chan mail = [WORKERS] of { byte, byte };       /* worker, amount */
chan answer[WORKERS] = [1] of { byte, byte };

inline come_out(e)
{
    d_step {
        assert(e != 0 && e <= made && put[e] && !out[e]);
        out[e] = 1
    }
}

/* ---- sl_ring_pop: n (1 or 2) into a and b ---- */

inline load_tail()
{
    d_step {
        t = tail;
        assert(t - h >= n || t < h || tail - head < n) /* it fails rightly */
    }
}

inline compare_and_swap()
{
    d_step {
        got = (head == h);
        if
        :: got -> head = h + n
        :: else -> h = head
        fi
    }
}

inline read_slots()
{
    a = slots[h % ROOM];
    if
    :: n == 2 -> b = slots[(h + 1) % ROOM]
    :: else
    fi
}

/* Positions differ as unsigned numbers: a head beyond the tail looks like plenty. */
#define TOO_FEW (t >= h && t - h < n)

inline pop()
{
    got = false;
    a = 0;
    b = 0;
#if defined(TAIL_BEFORE_HEAD)
    do
    :: t = tail;
       h = head;
       if
       :: TOO_FEW -> break
       :: else
       fi;
       read_slots();
       compare_and_swap();
       if
       :: got -> break
       :: else
       fi
    od
#else
    h = head;
    do
    :: load_tail();
       if
       :: TOO_FEW -> break
       :: else
       fi;
#if defined(READ_AFTER_CAS)
       compare_and_swap();
       if
       :: got -> read_slots(); break
       :: else
       fi
#elif defined(NO_CAS)
       read_slots();
       head = h + n;
       got = true;
       break
#else
       read_slots();
       compare_and_swap();
       if
       :: got -> break
       :: else
       fi
#endif
    od
#endif
}

/* ---- the keeper ---- */

inline write_slot()
{
    d_step {
        made++;
        put[made] = 1;
        slots[t % ROOM] = made
    }
}

/* sl_ring_push of as many as there is room for; the tail is the keeper's own. */
inline push()
{
    h = head;
    n = ROOM - (tail - h);
#if defined(NO_ROOM_CHECK)
    n = ROOM;
#endif
    t = tail;
#if defined(TAIL_BEFORE_SLOTS)
    tail = t + n;
#endif
    do
    :: n > 0 -> write_slot(); t++; n--
    :: else -> break
    od;
    tail = t
}

/* A reservation gets what the ring holds first, which is older, and the rest straight from the stock. */
inline serve(lacking)
{
    do
    :: lacking > 0 ->
       h = head;
       t = tail;
       n = t - h;
       if
#if !defined(WAITS_FOR_THE_RING)
       :: n == 0 -> break
#endif
       :: n > lacking -> n = lacking
       :: else
       fi;
#if defined(WAITS_FOR_THE_RING)
       if
       :: n == 0 -> got = false
       :: else -> pop()
       fi;
       if
       :: !got -> skip
#else
       pop();
       if
       :: !got -> break /* others were quicker */
#endif
       :: else ->
          lacking = lacking - n;
          if
          :: first == 0 -> first = a; second = b
          :: else -> second = a
          fi
       fi
    :: else -> break
    od;
    do
    :: lacking > 0 ->
       d_step {
           made++;
           put[made] = 1;
           if
           :: first == 0 -> first = made
           :: else -> second = made
           fi;
           lacking--
       }
    :: else -> break
    od
}

active proctype keeper()
{
    byte h, t, n, a, b, who, lacking, first, second;
    bool got;
    do
    :: mail?who, lacking ->
       first = 0;
       second = 0;
       serve(lacking);
       queued--;
       answer[who]!first, second
    :: atomic { refill_wanted -> refill_wanted = false };
       push()
    :: atomic { served == WORKERS * REQUESTS && !refill_wanted -> break }
    od;
    skip;
    d_step { /* nothing is lost: what did not come out is still inside */
        t = head;
        do
        :: t < tail -> a = slots[t % ROOM]; assert(put[a] && !out[a]); out[a] = 1; t++
        :: else -> break
        od;
        a = 1;
        do
        :: a <= made -> assert(out[a]); a++
        :: else -> break
        od
    }
}

/* ---- the workers ---- */

active [WORKERS] proctype worker()
{
    byte h, t, n, a, b, left = REQUESTS, me = _pid - 1;
    bool got;
    do
    :: left > 0 ->
       if
       :: n = 1
       :: n = 2
       fi;
       got = false;
       if
       :: queued == 0 -> pop()
       :: queued != 0 /* no request overtakes those that wait */
       fi;
       if
       :: got -> refill_wanted = true
       :: else ->
          d_step { queued++; a = 0; b = 0 };
          mail!me, n;
          answer[me]?a, b
       fi;
       assert((n == 2) == (b != 0)); /* all of it */
       come_out(a);
       if
       :: n == 2 -> come_out(b)
       :: else
       fi;
progress:
       d_step { a = 0; b = 0; h = 0; t = 0; left--; served++ }
    :: else -> break
    od
}
