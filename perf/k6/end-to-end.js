// The life of a reference: reserve, fetch (still valid), revoke, fetch until the revocation is seen.
import { check, sleep } from 'k6';
import { Trend } from 'k6/metrics';
import http from 'k6/http';
import { at, decode, fetchList, looping, referencesOf, reserve, statusAt, update } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(1);
const PATIENCE = 20;
const visible = new Trend('revocation_visible_ms');

export default function run() {
  const r = reserve(1);
  if (!check(r, { 'reserved': (x) => x.status === 200 })) return;
  const [reference] = referencesOf(r, 1);
  let etag = fetchList(reference.uri, false).headers.Etag;
  if (!check(update(reference, 1), { 'revoked': (x) => x.status === 204 })) return;
  const begun = Date.now();
  let seen = false;
  while (!seen && Date.now() - begun < PATIENCE * 1000) {
    const f = http.get(at(reference.uri), { headers: { 'If-None-Match': etag } });
    if (!check(f, { 'token or not modified': (x) => x.status === 200 || x.status === 304 })) return;
    if (f.status === 200) {
      etag = f.headers.Etag;
      seen = statusAt(decode(f, reference.uri), reference.index) === 1;
    }
    if (!seen) sleep(0.1);
  }
  check(seen, { 'revocation seen': (x) => x });
  visible.add(Date.now() - begun);
}
