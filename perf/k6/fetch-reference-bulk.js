// Each issuer reserves 25 references and then pauses for 250 ms.
import { check, sleep } from 'k6';
import { looping, referencesOf, reserve } from './lib.js';

export { handleSummary } from './lib.js';
export const options = looping(10);

export default function run() {
  const r = reserve(25);
  if (check(r, { 'reserved': (x) => x.status === 200 })) referencesOf(r, 25);
  sleep(0.25);
}
