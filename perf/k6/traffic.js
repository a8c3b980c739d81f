// The mix of requests that mixed.js and soak.js send: 90 % conditional fetches, 9 % reservations, 1 % updates.
import { check } from 'k6';
import http from 'k6/http';
import { at, decode, prepare, referencesOf, reserve, sampled, update } from './lib.js';

export function setup() {
  return { references: prepare(1000) };
}

/** @type {{ [uri: string]: string }} */
const known = {}; // the ETag of each list that this virtual user has fetched

export default function run({ references }) {
  const dice = Math.random();
  const mine = references[Math.floor(Math.random() * references.length)];
  if (dice < 0.9) {
    const etag = known[mine.uri];
    const r = http.get(at(mine.uri), etag ? { headers: { 'If-None-Match': etag } } : {});
    check(r, { 'token or not modified': (x) => x.status === 200 || (x.status === 304 && etag !== undefined) });
    if (r.status === 200) {
      known[mine.uri] = r.headers.Etag;
      if (sampled()) decode(r, mine.uri);
    }
  } else if (dice < 0.99) {
    const r = reserve(1);
    if (check(r, { 'reserved': (x) => x.status === 200 }) && sampled()) referencesOf(r, 1);
  } else {
    check(update(mine, Math.random() < 0.5 ? 0 : 1), { 'updated': (x) => x.status === 204 });
  }
}
