// Wallets fetch one list again and again without a pause. setup() revokes REVOKE entries, so that the token has a real size.
import { sleep } from 'k6';
import { at, batchUpdate, decode, fetchList, looping, prepare, sampled } from './lib.js';
import http from 'k6/http';

export { handleSummary } from './lib.js';
export const options = looping(10);

export function setup() {
  const references = prepare(1);
  const { uri } = references[0];
  const revoke = Number(__ENV.REVOKE || 0);
  if (revoke > 0) {
    const same = prepare(revoke).filter((r) => r.uri === uri);
    if (same.length > 0) batchUpdate(same, 1);
    sleep(2);
  }
  decode(http.get(at(uri)), uri);
  return { uri };
}

export default function run({ uri }) {
  fetchList(uri, sampled());
}
