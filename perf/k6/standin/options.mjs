// Which options the stand-in knows, and what they may hold. Anything else is an error.

const UNITS = { ms: 0.001, s: 1, m: 60 };

export function seconds(text) {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (!found) throw new Error(`'${text}' is no duration`);
  return Number(found[1]) * UNITS[found[2]];
}

const positive = (v) => Number.isInteger(v) && v > 0;
const duration = (v) => typeof v === 'string' && seconds(v) >= 0;
const bool = (v) => typeof v === 'boolean';
const listOf = (known) => (v) => Array.isArray(v) && v.every((x) => known.test(x));

function checkMembers(what, object, known, needed = []) {
  if (object === null || typeof object !== 'object' || Array.isArray(object)) throw new Error(`${what} is no object`);
  for (const [name, value] of Object.entries(object)) {
    if (!Object.hasOwn(known, name)) throw new Error(`the stand-in does not know ${what}.${name}`);
    if (!known[name](value)) throw new Error(`${what}.${name} is ${JSON.stringify(value)}`);
  }
  for (const name of needed) if (!Object.hasOwn(object, name)) throw new Error(`${what}.${name} is missing`);
}

const is = (name) => (v) => v === name;
const STAGE = { target: (v) => Number.isInteger(v) && v >= 0, duration };

function stages(list) {
  if (!Array.isArray(list) || list.length === 0) return false;
  for (const s of list) checkMembers('stage', s, STAGE, ['target', 'duration']);
  return true;
}

const arrivals = { timeUnit: duration, preAllocatedVUs: positive, maxVUs: positive };
const EXECUTORS = {
  'constant-vus': [{ executor: is('constant-vus'), vus: positive, duration, gracefulStop: duration }, ['vus', 'duration']],
  'constant-arrival-rate': [{ executor: is('constant-arrival-rate'), rate: positive, duration, ...arrivals },
    ['rate', 'duration', 'preAllocatedVUs']],
  'ramping-arrival-rate': [{ executor: is('ramping-arrival-rate'), startRate: positive, stages, ...arrivals },
    ['stages', 'preAllocatedVUs']],
};

function scenarios(all) {
  checkMembers('scenarios', all, { default: () => true }, ['default']);
  const executor = EXECUTORS[all.default.executor];
  if (!executor) throw new Error(`the stand-in does not know the executor '${all.default.executor}'`);
  checkMembers('scenario', all.default, ...executor);
  return true;
}

const THRESHOLD = { threshold: (v) => typeof v === 'string', abortOnFail: bool, delayAbortEval: duration };

function thresholds(all) {
  for (const [metric, list] of Object.entries(all)) {
    if (!Array.isArray(list)) throw new Error(`the thresholds of ${metric} are no list`);
    for (const t of list) if (typeof t !== 'string') checkMembers(`threshold of ${metric}`, t, THRESHOLD, ['threshold']);
  }
  return true;
}

const TAGS = /^(scenario|status|expected_response|method|name|url|group|check|error|error_code|proto|subproto|tls_version|service)$/;
const STATS = /^(avg|min|med|max|count|p\(\d+(\.\d+)?\))$/;
const KNOWN = { scenarios, thresholds, systemTags: listOf(TAGS), summaryTrendStats: listOf(STATS), setupTimeout: duration };

export function checkOptions(options) {
  checkMembers('options', options ?? {}, KNOWN, ['scenarios']);
  return options;
}
