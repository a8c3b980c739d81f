/* Handing over at the end (src/daemon/daemon.c, src/daemon/worker.c, src/keeper/drain.c, src/worker/reserve.c,
 * src/keeper/take.c): main tells the keeper, then the workers, to drain; workers answer their waiting requests,
 * wait until every message of theirs has come back, and end; only then the keeper, after a take under way,
 * empties the ring and gives back, once, what no request has got.
 *
 * What moves: workers' messages to the keeper and its answers, requests that are gone when their answer comes
 * (their references go back), a take whose reply is still to come or never comes, a reply to the giving back that
 * never comes, before or after Redis did it. A ring pop is one step here; ring.pml is about its inside. A
 * thread's handling of one message is one step too. References are bits, so a set of them is a byte.
 *
 * Claims: no reference is with two clients, or with a client and given back, or given back twice; when no reply
 * was lost, every reference that was taken is with a client or back in Redis; every request is answered once;
 * the process ends.
 *
 * Mutations, by name of a macro, each of which script/model expects to fail: KEEPS_WHAT_IT_RETURNED and
 * ENQUEUES_WHEN_DRAINING (the keeper with waiting requests), FORGETS_THE_GONE and ENDS_BEFORE_ITS_ANSWERS (a
 * worker), GIVES_BACK_EARLY (main), DOES_NOT_WAIT_FOR_TAKES and GIVES_BACK_AGAIN (the keeper at the end). */

#define WORKERS 2
#define REQUESTS 2 /* of the first worker, for 1 or 2 references; the second has one */
#define BLOCK 2    /* references in one take */
#define ALL 4      /* references that there are: then a take finds nothing */

mtype = { RESERVE, RETURN, DRAIN, GIVE_BACK, ANSWER };

/* kind, worker or 0, request's slot, set */
chan to_keeper = [8] of { mtype, byte, byte, byte };
chan to_worker[WORKERS] = [4] of { mtype, byte, byte };
chan taken = [1] of { bool, byte }; /* Redis' reply to a take: whether there is one, the set */

byte ring, stock;
byte free_ones = (1 << ALL) - 1; /* of Redis */
byte with_client, back;
bool lost;                         /* a reply did not come: some references may stay unused */
byte ended, answered;
bool keeper_ended;
bool gone[WORKERS * REQUESTS];     /* the request behind the message is gone */
byte have[WORKERS * REQUESTS];     /* what its message has collected */
byte amount[WORKERS * REQUESTS];

/* The lowest n entries of a set, or fewer, move to `part`. */
inline lowest(from_set, count, ret_part)
{
    ret_part = 0;
    i = 0;
    c = 0;
    do
    :: i < ALL && c < count ->
       if
       :: from_set & (1 << i) -> ret_part = ret_part | (1 << i); c++
       :: else
       fi;
       i++
    :: else -> break
    od;
    from_set = from_set & ~ret_part;
    i = 0;
    c = 0
}

inline size(of_set, ret_size)
{
    ret_size = 0;
    i = 0;
    do
    :: i < ALL -> ret_size = ret_size + ((of_set >> i) & 1); i++
    :: else -> break
    od;
    i = 0
}

/* Into the stock: what is there already would be handed out twice. */
inline put(these)
{
    assert(!(these & stock) && !(these & ring) && !(these & with_client));
    stock = stock | these
}

inline to_client(theirs)
{
    assert(!(theirs & with_client) && !(theirs & back));
    with_client = with_client | theirs
}

/* ---- Redis: each take in one step; a reply may be lost, then the indices stay unused ---- */

inline take()
{
    lowest(free_ones, BLOCK, part);
    if
    :: taken!true, part
    :: lost = true; taken!false, 0
    fi;
    part = 0
}

/* ---- the keeper ---- */

inline answer(which, fails)
{
    if
    :: fails ->
       put(have[which]);
#if !defined(KEEPS_WHAT_IT_RETURNED)
       have[which] = 0
#endif
    :: !(fails)
    fi;
    waiting[which] = false;
    to_worker[which / REQUESTS]!ANSWER, which, !(fails)
}

/* This model leaves out first come, first served: the order does not matter for its claims. */
inline distribute()
{
    r = 0;
    do
    :: r < WORKERS * REQUESTS ->
       if
       :: waiting[r] && gone[r] -> answer(r, true)
       :: waiting[r] && !gone[r] && (ring | stock) != 0 ->
          size(have[r], n);
          lowest(ring, amount[r] - n, part);
          have[r] = have[r] | part;
          size(have[r], n);
          lowest(stock, amount[r] - n, part);
          have[r] = have[r] | part;
          size(have[r], n);
          part = 0;
          if
          :: n == amount[r] -> answer(r, false)
          :: else
          fi
       :: else
       fi;
       r++
    :: else -> break
    od;
    skip;
    ring = ring | stock;
    stock = 0;
    r = 0;
    n = 0
}

inline refill()
{
    if
    :: !taking && !draining && takes < ALL / BLOCK && !failed ->
       taking = true;
       takes++;
       take()
    :: else
    fi
}

proctype keeper()
{
    bool waiting[WORKERS * REQUESTS];
    bool taking, draining, ending, ok, failed;
    byte r, n, i, c, part, takes, set, who;
    atomic { refill() }
    do
    :: atomic {
           to_keeper?RESERVE(who, r, set) ->
           if
#if !defined(ENQUEUES_WHEN_DRAINING)
           :: draining -> answer(r, true)
           :: !draining ->
#else
           :: true ->
#endif
              waiting[r] = true;
              distribute();
              refill()
           fi;
           who = 0;
           r = 0
       }
    :: atomic {
           to_keeper?RETURN(who, r, set) ->
           put(set);
           who = 0;
           set = 0;
           distribute()
       }
    :: atomic {
           to_keeper?DRAIN(who, r, set) ->
           draining = true;
           do
           :: who < WORKERS * REQUESTS ->
              if
              :: waiting[who] -> answer(who, true)
              :: else
              fi;
              who++
           :: else -> break
           od;
           who = 0
       }
    :: atomic {
           taken?ok, set ->
           taking = false;
           failed = !ok; /* it would try again a little later: bounded here by what there is */
           put(set);
           ok = false;
           set = 0;
           distribute();
           refill()
       }
    :: to_keeper?GIVE_BACK(who, r, set) -> ending = true
#if defined(DOES_NOT_WAIT_FOR_TAKES)
    :: ending -> break
#else
    :: ending && !taking -> break
#endif
    od;
    atomic {
        part = ring | stock;
        ring = 0;
        stock = 0
    }
    do
    :: part != 0 ->
       if
       :: atomic {
              assert(!(part & back) && !(part & with_client));
              back = back | part;
              if
              :: ok = true
              :: lost = true; ok = false /* it happened, and its outcome is unknown */
              fi
          }
       :: lost = true; ok = false /* it did not happen */
       fi;
#if defined(GIVES_BACK_AGAIN)
       if
       :: !ok
       :: ok -> break
       fi
#else
       break
#endif
    :: part == 0 -> break
    od;
    keeper_ended = true
}

/* ---- a worker ---- */

inline give_up(which)
{
    gone[which] = true;
    answered++;
    open = open & ~(1 << which)
}

#define FIRST (me * REQUESTS)
#define SECOND (me * REQUESTS + 1)

inline reserve()
{
    r = me * REQUESTS + next;
    next++;
    if
    :: amount[r] = 1
    :: amount[r] = 2
    fi;
    size(ring, n);
    part = 0;
    if
    :: n >= amount[r] -> lowest(ring, amount[r], part); to_client(part); answered++
    :: n < amount[r] && draining -> answered++ /* refused */
    :: n < amount[r] && !draining ->
       awaited++;
       open = open | (1 << r);
       to_keeper!RESERVE, me, r, 0
    fi;
    r = 0;
    n = 0;
    part = 0
}

proctype worker(byte me)
{
    byte next = me, awaited, open, r, n, i, c, part;
    bool ok, draining;
    do
    :: atomic { next < REQUESTS -> reserve() } /* connections bring requests while it drains, too */
    :: atomic { open & (1 << FIRST) -> give_up(FIRST) } /* underflow-timeout: at any time */
    :: atomic { open & (1 << SECOND) -> give_up(SECOND) }
    :: atomic {
           to_worker[me]?ANSWER(r, ok) ->
           awaited--;
           if
           :: gone[r] && have[r] != 0 ->
#if !defined(FORGETS_THE_GONE)
              to_keeper!RETURN, me, r, have[r]
#else
              skip
#endif
           :: gone[r] && have[r] == 0
           :: !gone[r] ->
              answered++;
              open = open & ~(1 << r);
              if
              :: ok -> to_client(have[r])
              :: !ok
              fi
           fi;
           have[r] = 0;
           gone[r] = false;
           amount[r] = 0;
           r = 0;
           ok = false
       }
    :: atomic {
           to_worker[me]?DRAIN(r, ok) ->
           draining = true;
           if
           :: open & (1 << FIRST) -> give_up(FIRST)
           :: else
           fi;
           if
           :: open & (1 << SECOND) -> give_up(SECOND)
           :: else
           fi
       }
#if defined(ENDS_BEFORE_ITS_ANSWERS)
    :: draining -> break
#else
    :: draining && awaited == 0 -> break
#endif
    od;
    atomic {
        answered = answered + (REQUESTS - next); /* never came */
        ended++
    }
}

/* ---- main ---- */

init
{
    atomic { run keeper(); run worker(0); run worker(1) }
    to_keeper!DRAIN, 0, 0, 0; /* at any time */
    to_worker[0]!DRAIN, 0, 0;
    to_worker[1]!DRAIN, 0, 0;
#if !defined(GIVES_BACK_EARLY)
    ended == WORKERS;
#endif
    to_keeper!GIVE_BACK, 0, 0, 0;
    keeper_ended;
    ended == WORKERS;
    assert(answered == REQUESTS + 1);
    assert(!(with_client & back));
    assert(lost || (with_client | back | free_ones) == (1 << ALL) - 1)
}
