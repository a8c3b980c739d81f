// The same traffic at a constant RATE (requests a second) for long: what leaks or drifts shows in the service's memory and
// in the latencies of the last minutes.
import { DURATION, looping, vus } from './lib.js';

export { handleSummary } from './lib.js';
export { default, setup } from './traffic.js';
export const options = Object.assign(looping(50), {
  scenarios: {
    default: {
      executor: 'constant-arrival-rate', rate: Number(__ENV.RATE || 1000), timeUnit: '1s', duration: `${DURATION}s`,
      preAllocatedVUs: vus(50), maxVUs: 4 * vus(50),
    },
  },
});
