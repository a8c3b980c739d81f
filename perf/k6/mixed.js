// The mix of requests that a working service sees (traffic.js), as fast as VUS users can send it.
import { looping } from './lib.js';

export { handleSummary } from './lib.js';
export { default, setup } from './traffic.js';
export const options = looping(50);
