// What the scenarios share. All settings come from the environment:
//   BASE      where the service listens             KEY, POOL  the issuer's key and its pool
//   VUS       virtual users                          DURATION   of the measured part, in seconds
//   SUMMARY   file for the summary as JSON           SAMPLE     one answer in SAMPLE has its content checked
import http from 'k6/http';
import encoding from 'k6/encoding';
import { check, fail } from 'k6';
import { inflate } from './inflate.js';

export const BASE = __ENV.BASE || 'http://127.0.0.1:8080';
export const POOL = __ENV.POOL || 'demo';
export const KEY = __ENV.KEY || 'dev-only-key';
export const DURATION = Number(__ENV.DURATION || 30);
const SAMPLE = Number(__ENV.SAMPLE || 200);

export function vus(fallback) {
  return Number(__ENV.VUS || fallback);
}

// No request may fail, and no check. The third row has no limit: because of it k6 reports the requests of the measured part apart
// from those of setup().
const THRESHOLDS = {
  http_req_failed: ['rate==0'],
  checks: ['rate==1'],
  'http_req_duration{scenario:default}': ['max>=0'],
};

/** @returns {import('k6/options').Options} */
export function looping(users) {
  return {
    scenarios: { default: { executor: 'constant-vus', vus: vus(users), duration: `${DURATION}s`, gracefulStop: '30s' } },
    thresholds: THRESHOLDS,
    // k6 spends as much on a tag as the service on a request: only the tags that are read.
    systemTags: ['scenario', 'status', 'expected_response'],
    summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
    setupTimeout: '60s',
  };
}

export function handleSummary(data) {
  const m = data.metrics;
  const bad = Object.keys(m).filter((k) => Object.values(m[k].thresholds || {}).some((t) => !t.ok));
  const d = (m['http_req_duration{scenario:default}'] || m.http_req_duration).values;
  const rate = m.iterations ? m.iterations.values.count / DURATION : 0;
  const lines = `${(m.iterations || { values: { count: 0 } }).values.count} iterations, ${rate.toFixed(0)}/s; `
    + `request ms: mean ${d.avg.toFixed(2)}, p95 ${d['p(95)'].toFixed(2)}, p99 ${d['p(99)'].toFixed(2)}, max ${d.max.toFixed(2)}; `
    + `missed thresholds: ${bad.join(', ') || 'none'}\n`;
  const out = { stdout: lines };
  if (__ENV.SUMMARY) out[__ENV.SUMMARY] = JSON.stringify({
    rate, duration: DURATION, ran: data.state.testRunDurationMs / 1000, missed: bad, metrics: m,
  });
  return out;
}

export function sampled() {
  return (__ITER + __VU) % SAMPLE === 0;
}

// The request goes to BASE, which may differ from the public address that a reference's URI names.
export function at(uri) {
  return BASE + uri.replace(/^[a-z]+:\/\/[^/]+/, '');
}

const issuer = { headers: { 'X-Api-Key': KEY, 'Content-Type': 'application/json' } };
/** @type {{ headers: { [name: string]: string }, responseType: 'none' }} */
const quiet = { headers: issuer.headers, responseType: 'none' };

export function reserve(amount, keep = true) {
  return http.post(`${BASE}/pools/${POOL}/new-references?amount=${amount}`, null, keep ? issuer : quiet);
}

/** @typedef {{ uri: string, index: number }} Reference */

/** @returns {Reference[]} */
export function referencesOf(response, amount) {
  const list = response.json('references');
  check(list, {
    'references are complete': (l) => l.length === amount
      && l.every((r) => /^https?:\/\/.+\/[0-9a-f-]{36}$/.test(r.uri) && Number.isInteger(r.index) && r.index >= 0),
    'references differ': (l) => new Set(l.map((r) => `${r.uri} ${r.index}`)).size === l.length,
  });
  return list;
}

export function update(reference, value) {
  return http.patch(`${BASE}/status-lists/update`,
    `{"uri":"${reference.uri}","index":${reference.index},"value":${value}}`, quiet);
}

export function batchUpdate(references, value) {
  return http.patch(`${BASE}/status-lists/batch-update`, JSON.stringify({ statusListReferences: references, value }), quiet);
}

// For setup(): references to work on, in calls of at most 1000.
export function prepare(amount) {
  /** @type {Reference[]} */
  let all = [];
  while (all.length < amount) {
    const r = reserve(Math.min(1000, amount - all.length));
    if (r.status !== 200) fail(`reserving answered ${r.status}: ${r.body}`);
    const list = /** @type {Reference[]} */ (/** @type {unknown} */ (r.json('references')));
    all = all.concat(list);
    if (list.length === 0) fail('no references');
  }
  return all;
}

function part(text) {
  return JSON.parse(encoding.b64decode(text, 'rawurl', 's'));
}

// Checks a token as a wallet would, but for its signature; returns the claims.
export function decode(response, uri) {
  const [head, body] = response.body.split('.');
  const header = part(head);
  const claims = part(body);
  check(claims, {
    'typ is statuslist+jwt': () => header.typ === 'statuslist+jwt' && typeof header.alg === 'string',
    'sub is the uri': (c) => c.sub === uri,
    'ttl and exp are there': (c) => Number.isInteger(c.ttl) && c.ttl > 0 && c.exp > c.iat,
    'status_list is there': (c) => [1, 2, 4, 8].includes(c.status_list.bits) && c.status_list.lst.length > 0,
  });
  return claims;
}

export function statusAt(claims, index) {
  const { bits, lst } = claims.status_list;
  const position = Math.floor((index * bits) / 8);
  const bytes = inflate(new Uint8Array(encoding.b64decode(lst, 'rawurl')), position + 1);
  return (bytes[position] >> ((index * bits) % 8)) & ((1 << bits) - 1);
}

// One fetch; a sampled one has its token checked.
export function fetchList(uri, sample) {
  const r = http.get(at(uri), { responseType: sample ? 'text' : 'none' });
  check(r, { 'token answered': (x) => x.status === 200 });
  if (sample && r.status === 200) {
    check(r, { 'it is a JWT': (x) => x.headers['Content-Type'] === 'application/statuslist+jwt' });
    decode(r, uri);
  }
  return r;
}
