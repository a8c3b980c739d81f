// The virtual users as the main thread sees them: it starts their threads, gives them work, and sends their requests.
import { Agent, request } from 'node:http';
import { Worker } from 'node:worker_threads';

const MOST_USERS = 64;

// k6 shows header names as Go writes them: Content-Type, Etag.
function goName(name) {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
}

function exchange(agent, { method, url, body, headers }) {
  return new Promise((done) => {
    const failed = () => done({ status: 0, headers: {}, body: '' }); // as k6: no exception, status 0
    const length = body === null ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const zero = body === null && method !== 'GET' ? { 'Content-Length': 0 } : {};
    const r = request(url, { method, agent, headers: { ...headers, ...length, ...zero } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', failed);
      answer.on('end', () => done({
        status: answer.statusCode,
        headers: Object.fromEntries(Object.entries(answer.headers).map(([k, v]) => [goName(k), String(v)])),
        body: Buffer.concat(parts).toString(),
      }));
    });
    r.on('error', failed);
    r.end(body ?? undefined);
  });
}

class User {
  constructor(script, number, metrics) {
    this.metrics = metrics;
    this.iteration = 0;
    this.scenario = number > 0;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.flag = new Int32Array(new SharedArrayBuffer(4));
    this.thread = new Worker(new URL('./user.mjs', import.meta.url), { workerData: { script, number, flag: this.flag } });
    this.thread.on('message', (m) => this.onMessage(m));
    this.thread.on('error', (error) => this.ended || this.reject(error));
    this.thread.on('exit', () => this.ended || this.reject(new Error('a virtual user ended by itself')));
  }

  ask(what, argument) {
    return new Promise((done, reject) => {
      this.resolve = done;
      this.reject = reject;
      if (what !== undefined) this.thread.postMessage({ what, argument, iteration: this.iteration });
    });
  }

  onMessage(m) {
    if (this.ended) return;
    if (m.request) this.send(m.request);
    else if (m.declare) this.metrics.declare(m.declare, m.kind);
    else if (m.check) this.metrics.addCheck(m.check, m.passed, this.scenario);
    else if (m.metric) this.metrics.add(m.metric, m.value, this.scenario);
    else if (m.error) this.reject(m.error);
    else this.resolve(m.result);
  }

  async send(wanted) {
    const began = performance.now();
    const answer = await exchange(this.agent, wanted);
    this.metrics.add('http_reqs', 1, this.scenario);
    this.metrics.add('http_req_duration', performance.now() - began, this.scenario);
    this.metrics.add('http_req_failed', answer.status >= 200 && answer.status < 400 ? 0 : 1, this.scenario);
    this.thread.postMessage({ answer }); // waits in the port until the user takes it
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
  }

  async iterate(data) {
    const began = performance.now();
    await this.ask('iterate', data);
    this.iteration++;
    this.metrics.add('iterations', 1, true);
    this.metrics.add('iteration_duration', performance.now() - began, true);
  }

  async end() {
    this.ended = true;
    this.agent.destroy();
    await this.thread.terminate();
  }
}

export class Users {
  constructor(script, metrics) {
    this.script = script;
    this.metrics = metrics;
    this.all = [];
  }

  async start() {
    if (this.all.length > MOST_USERS) throw new Error(`more than ${MOST_USERS} virtual users: set VUS`);
    const user = new User(this.script, this.all.length, this.metrics);
    this.all.push(user);
    return [user, await user.ask()];
  }

  async first() {
    const [user, init] = await this.start();
    this.zero = user;
    return init;
  }

  async add() {
    return (await this.start())[0];
  }

  setup(limit) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`setup() took longer than ${limit} s`)), limit * 1000);
    });
    return Promise.race([this.zero.ask('setup'), late]).finally(() => clearTimeout(timer));
  }

  summary(data) {
    return this.zero.ask('summary', data);
  }

  async end() {
    await Promise.all(this.all.map((u) => u.end()));
  }
}
