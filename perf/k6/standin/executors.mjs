// The executors of k6: who runs an iteration, and when.
import { setTimeout as pause } from 'node:timers/promises';
import { seconds } from './options.mjs';

const TICK = 5; // ms
const now = () => performance.now() / 1000;

// How often k6 looks at the thresholds that may end a run early, in seconds.
const WATCH = 0.5;

function watchThresholds(metrics) {
  const began = now();
  let next = began + WATCH;
  return () => {
    if (now() < next) return false;
    next = now() + WATCH;
    return metrics.judge((t) => t.abort && now() - began >= (t.delay ? seconds(t.delay) : 0)).length > 0;
  };
}

async function constantUsers(scenario, users, data, metrics) {
  const all = await Promise.all(Array.from({ length: scenario.vus }, () => users.add()));
  const end = now() + seconds(scenario.duration);
  const abort = watchThresholds(metrics);
  let aborted = false;
  await Promise.all(all.map(async (user) => {
    while (!aborted && now() < end) {
      await user.iterate(data);
      aborted ||= abort();
    }
  }));
}

// Arrivals by the integral of the rate; each takes a user that is free, or a new one up to maxVUs, or is dropped.
async function arriving(scenario, expected, length, users, data, metrics) {
  const idle = await Promise.all(Array.from({ length: scenario.preAllocatedVUs }, () => users.add()));
  const most = scenario.maxVUs ?? scenario.preAllocatedVUs;
  const running = new Set();
  const start = now();
  const abort = watchThresholds(metrics);
  const errors = [];
  for (let arrived = 0; now() - start < length && errors.length === 0 && !abort();) {
    for (const due = Math.floor(expected(now() - start)); arrived < due; arrived++) {
      const user = idle.pop() ?? (idle.length + running.size < most ? await users.add() : undefined);
      if (user === undefined) {
        metrics.add('dropped_iterations', 1, true);
        continue;
      }
      const one = user.iterate(data).catch((e) => errors.push(e)).finally(() => {
        running.delete(one);
        idle.push(user);
      });
      running.add(one);
    }
    await pause(TICK);
  }
  await Promise.all(running);
  if (errors.length > 0) throw errors[0];
}

function ramp(scenario) {
  const unit = seconds(scenario.timeUnit ?? '1s');
  const steps = [];
  let from = scenario.startRate ?? 0;
  for (const s of scenario.stages) {
    steps.push({ from: from / unit, to: s.target / unit, length: seconds(s.duration) });
    from = s.target;
  }
  const expected = (t) => {
    let sum = 0;
    let left = t;
    for (const s of steps) {
      const part = Math.min(left, s.length);
      if (part <= 0) break;
      sum += part * (s.from + ((s.to - s.from) * part) / s.length / 2);
      left -= part;
    }
    return sum;
  };
  return [expected, steps.reduce((a, s) => a + s.length, 0)];
}

export async function run(scenario, users, data, metrics) {
  if (scenario.executor === 'constant-vus') return constantUsers(scenario, users, data, metrics);
  const even = scenario.rate / seconds(scenario.timeUnit ?? '1s');
  const [expected, length] = scenario.executor === 'constant-arrival-rate'
    ? [(t) => even * t, seconds(scenario.duration)] : ramp(scenario);
  return arriving(scenario, expected, length, users, data, metrics);
}
