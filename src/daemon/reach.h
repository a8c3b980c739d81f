/* Whether requests find the lists that Redis has: after a change of public-url they keep the URIs that they
 * were made with. */
#pragma once
struct sl_daemon;

/* Once all pools were read: names in the log each list whose URI leads to another route, and says how many
 * have the URI of a former public-url. */
void sl_reach_check(const struct sl_daemon *d);
