// Issuers reserve one reference after another without a pause. POOL decides whether a request waits or fails when the ring is empty.
import { check } from 'k6';
import { looping, referencesOf, reserve, sampled } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(10);

export default function run() {
  const sample = sampled();
  const r = reserve(1, sample);
  if (check(r, { 'reserved': (x) => x.status === 200 }) && sample) referencesOf(r, 1);
}
