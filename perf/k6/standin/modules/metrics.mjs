// import { Trend } from 'k6/metrics'
import { parentPort } from 'node:worker_threads';
import { strict } from './strict.mjs';

export class Trend {
  constructor(name, ...more) {
    if (more.length > 0) throw new Error('the stand-in does not know times of a Trend');
    parentPort.postMessage({ declare: name, kind: 'trend' });
    return strict('trend', {
      name,
      add(value, ...tags) {
        if (tags.length > 0) throw new Error('the stand-in does not know tags of a sample');
        parentPort.postMessage({ metric: name, value });
      },
    });
  }
}
