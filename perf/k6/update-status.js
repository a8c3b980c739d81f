// Issuers change one status a request. Each virtual user has references of its own and flips each at every visit, so that every
// update is a change that Redis has to write.
import { check } from 'k6';
import { looping, prepare, update, vus } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(10);
const EACH = 10;

export function setup() {
  return { references: prepare(vus(10) * EACH) };
}

export default function run({ references }) {
  const mine = references[(__VU - 1) * EACH + (__ITER % EACH)];
  const value = 1 - (Math.floor(__ITER / EACH) % 2);
  check(update(mine, value), { 'updated': (r) => r.status === 204 });
}
