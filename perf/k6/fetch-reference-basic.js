// Each issuer reserves one reference and then pauses for 10 ms: fewer reservations than the service could answer.
import { check, sleep } from 'k6';
import { looping, referencesOf, reserve } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(12);

export default function run() {
  const r = reserve(1);
  if (check(r, { 'reserved': (x) => x.status === 200 })) referencesOf(r, 1);
  sleep(0.01);
}
