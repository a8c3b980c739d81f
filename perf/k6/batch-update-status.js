// Issuers change statuses in batches of BATCH.
import { check } from 'k6';
import { batchUpdate, looping, prepare, vus } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(10);
const BATCH = Number(__ENV.BATCH || 100);

export function setup() {
  return { references: prepare(vus(10) * BATCH) };
}

export default function run({ references }) {
  const mine = references.slice((__VU - 1) * BATCH, __VU * BATCH);
  check(batchUpdate(mine, 1 - (__ITER % 2)), { 'updated': (r) => r.status === 204 });
}
