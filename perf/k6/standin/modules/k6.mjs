// import { check, fail, sleep } from 'k6'
import { parentPort } from 'node:worker_threads';

export function check(value, tests, ...more) {
  if (more.length > 0) throw new Error('the stand-in does not know tags of check()');
  let all = true;
  for (const [name, test] of Object.entries(tests)) {
    const passed = Boolean(typeof test === 'function' ? test(value) : test);
    parentPort.postMessage({ check: name, passed });
    all &&= passed;
  }
  return all;
}

export function fail(why) {
  throw new Error(why);
}

export function sleep(seconds) {
  if (!(seconds >= 0)) throw new Error(`sleep(${seconds})`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}
