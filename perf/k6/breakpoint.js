// The arrival rate of fetches rises evenly to TARGET a second. The run ends early when the p99 exceeds LIMIT ms, when a request
// fails, or when 500 arrivals found no free virtual user.
import { DURATION, fetchList, looping, prepare, sampled, vus } from './lib.js';

export { handleSummary } from './lib.js';
const limit = Number(__ENV.LIMIT || 100);
/** @type {import('k6/options').Options} */
export const options = {
  ...looping(200),
  scenarios: {
    default: {
      executor: 'ramping-arrival-rate', startRate: 100, timeUnit: '1s', preAllocatedVUs: vus(200), maxVUs: 2 * vus(200),
      stages: [{ target: Number(__ENV.TARGET || 50000), duration: `${DURATION}s` }],
    },
  },
  thresholds: {
    http_req_failed: [{ threshold: 'rate==0', abortOnFail: true }],
    checks: ['rate==1'],
    dropped_iterations: [{ threshold: 'count<500', abortOnFail: true, delayAbortEval: '2s' }],
    'http_req_duration{scenario:default}': [{ threshold: `p(99)<${limit}`, abortOnFail: true, delayAbortEval: '3s' }],
  },
};

export function setup() {
  return { uri: prepare(1)[0].uri };
}

export default function run({ uri }) {
  fetchList(uri, sampled());
}
