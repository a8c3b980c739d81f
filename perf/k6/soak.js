// The mix of traffic.js at a constant RATE (requests a second), meant for long runs: a leak shows in the service's memory, a drift
// in the latencies of the last minutes.
import { DURATION, looping, vus } from './lib.js';

export { handleSummary } from './lib.js';
export { default, setup } from './traffic.js';
/** @type {import('k6/options').Options} */
export const options = {
  ...looping(50),
  scenarios: {
    default: {
      executor: 'constant-arrival-rate', rate: Number(__ENV.RATE || 1000), timeUnit: '1s', duration: `${DURATION}s`,
      preAllocatedVUs: vus(50), maxVUs: 4 * vus(50),
    },
  },
};
