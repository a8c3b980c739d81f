// Samples, thresholds and the data that handleSummary() gets.

const KINDS = {
  http_reqs: 'counter', http_req_duration: 'trend', http_req_failed: 'rate', checks: 'rate', iterations: 'counter',
  iteration_duration: 'trend', dropped_iterations: 'counter',
};
const STATS = { counter: /^(count|rate)$/, rate: /^rate$/, trend: /^(avg|min|med|max|p\(\d+(\.\d+)?\))$/ };
const EXPRESSION = /^\s*([a-z]+(?:\(\d+(?:\.\d+)?\))?)\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$/;
const COMPARE = {
  '<=': (a, b) => a <= b, '>=': (a, b) => a >= b, '==': (a, b) => a === b,
  '!=': (a, b) => a !== b, '<': (a, b) => a < b, '>': (a, b) => a > b,
};

function percentile(sorted, p) {
  const at = (sorted.length - 1) * (p / 100);
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at % 1);
}

function trendStat(values, stat) {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  if (stat === 'avg') return sorted.reduce((a, b) => a + b, 0) / sorted.length;
  if (stat === 'min') return sorted[0];
  if (stat === 'max') return sorted.at(-1);
  return percentile(sorted, stat === 'med' ? 50 : Number(stat.slice(2, -1)));
}

class Threshold {
  constructor(metric, kind, source) {
    const given = typeof source === 'string' ? { threshold: source } : source;
    const found = EXPRESSION.exec(given.threshold);
    if (!found || !STATS[kind].test(found[1])) throw new Error(`'${given.threshold}' is no threshold for ${metric}, a ${kind}`);
    [, this.stat, this.sign, this.limit] = found;
    this.text = given.threshold;
    this.abort = given.abortOnFail === true;
    this.delay = given.delayAbortEval;
  }

  holds(value) { // NaN: no sample, which k6 lets pass; here something was to be measured and was not
    return COMPARE[this.sign](value, Number(this.limit));
  }
}

export class Metrics {
  constructor() {
    this.series = new Map(); // name or name{scenario:default} -> values
    this.kinds = new Map(Object.entries(KINDS));
    this.thresholds = new Map();
    this.byCheck = new Map();
    this.stats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];
    this.began = Date.now();
  }

  setOptions({ thresholds = {}, summaryTrendStats }) {
    this.stats = summaryTrendStats ?? this.stats;
    for (const [name, sources] of Object.entries(thresholds)) {
      const [, metric, tag] = /^([a-z_]+)(\{.*\})?$/.exec(name) ?? [];
      const kind = this.kinds.get(metric);
      if (!kind || (tag !== undefined && tag !== '{scenario:default}')) throw new Error(`the stand-in does not know the metric '${name}'`);
      this.thresholds.set(name, sources.map((s) => new Threshold(name, kind, s)));
    }
  }

  declare(name, kind) {
    if ((this.kinds.get(name) ?? kind) !== kind) throw new Error(`'${name}' is a ${this.kinds.get(name)} already`);
    this.kinds.set(name, kind);
  }

  add(name, value, scenario) {
    if (!this.kinds.has(name)) throw new Error(`'${name}' was not declared`);
    for (const key of scenario ? [name, `${name}{scenario:default}`] : [name]) {
      if (!this.series.has(key)) this.series.set(key, []);
      this.series.get(key).push(value);
    }
  }

  addCheck(name, passed, scenario) {
    const c = this.byCheck.get(name) ?? { name, passed: 0, failed: 0 };
    c[passed ? 'passed' : 'failed']++;
    this.byCheck.set(name, c);
    this.add('checks', passed ? 1 : 0, scenario);
  }

  checks() {
    return [...this.byCheck.values()];
  }

  iterations() {
    return this.value('iterations', 'count');
  }

  value(key, stat) {
    const values = this.series.get(key) ?? [];
    const kind = this.kinds.get(key.replace(/\{.*/, ''));
    const sum = values.reduce((a, b) => a + b, 0);
    if (kind === 'trend') return trendStat(values, stat);
    if (kind === 'rate') return values.length > 0 ? sum / values.length : NaN;
    return stat === 'count' ? sum : sum / ((Date.now() - this.began) / 1000);
  }

  judge(only = () => true) {
    const missed = [];
    for (const [key, list] of this.thresholds) {
      for (const t of list) if (only(t)) t.ok = t.holds(this.value(key, t.stat));
      missed.push(...list.filter((t) => only(t) && !t.ok).map((t) => `${key}: ${t.text}`));
    }
    return missed;
  }

  // The members of data.metrics that k6 has and the scripts read; others are missing on purpose.
  values(key, kind) {
    const values = this.series.get(key) ?? [];
    if (kind === 'trend') return Object.fromEntries(this.stats.map((s) => [s, this.value(key, s)]));
    if (kind === 'counter') return { count: this.value(key, 'count'), rate: this.value(key, 'rate') };
    const passes = values.filter((v) => v !== 0).length;
    return { rate: this.value(key, 'rate'), passes, fails: values.length - passes };
  }

  summary(ran) {
    const metrics = {};
    for (const key of new Set([...this.series.keys(), ...this.thresholds.keys()])) {
      if (key.includes('{') && !this.thresholds.has(key)) continue;
      const kind = this.kinds.get(key.replace(/\{.*/, ''));
      metrics[key] = { type: kind, values: this.values(key, kind) };
      const list = this.thresholds.get(key);
      if (list) metrics[key].thresholds = Object.fromEntries(list.map((t) => [t.text, { ok: t.ok }]));
    }
    return { metrics, state: { testRunDurationMs: ran } };
  }
}
