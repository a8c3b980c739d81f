// The traffic of a service at work, as fast as VUS users make it.
import { looping } from './lib.js';

export { handleSummary } from './lib.js';
export { default, setup } from './traffic.js';
export const options = looping(50);
