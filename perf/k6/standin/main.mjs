// Runs one script of perf/k6 for a moment, in place of k6. The service, the HTTP requests, the checks and the thresholds are real;
// only the load tool is not.
//
// This thread plays k6: it reads the options, starts the virtual users, sends their requests, counts, and judges. Each virtual user
// is a worker thread with modules of its own (user.mjs), because k6 gives each a JavaScript runtime of its own, and because a k6
// script waits for an answer without `await`: the worker sleeps until this thread has the answer.
//
// A module, an export, a member, an option or a flag that is not written here ends the run: what the stand-in accepts, k6 has.
// Exit statuses are those of k6: 0, 99 a threshold was missed, 104 bad options, 107 the script threw; 1 for anything else.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Metrics } from './metrics.mjs';
import { checkOptions, seconds } from './options.mjs';
import { run } from './executors.mjs';
import { Users } from './users.mjs';

class Exit extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function scriptOf(argv) {
  const words = [...argv];
  const scripts = [];
  if (words.shift() !== 'run') throw new Exit(1, 'only `run` is known');
  while (words.length > 0) {
    const word = words.shift();
    if (word === '--address') words.shift();
    else if (word.startsWith('-') && word !== '--quiet' && word !== '--no-color') throw new Exit(1, `unknown flag ${word}`);
    else if (!word.startsWith('-')) scripts.push(word);
  }
  if (scripts.length !== 1) throw new Exit(1, 'one script is needed');
  return resolve(scripts[0]);
}

function writeSummary(outputs) {
  for (const [name, text] of Object.entries(outputs)) {
    if (name === 'stdout') process.stdout.write(text);
    else writeFileSync(name, text);
  }
}

function failedChecks(metrics) {
  return metrics.checks().filter((c) => c.failed > 0).map((c) => `check "${c.name}" failed ${c.failed} times of ${c.failed + c.passed}`);
}

async function main() {
  const metrics = new Metrics();
  const users = new Users(scriptOf(process.argv.slice(2)), metrics);
  try {
    const init = await users.first(); // this one runs setup() and handleSummary(), as user 0
    let options;
    try {
      options = checkOptions(init.options);
      metrics.setOptions(options);
    } catch (error) {
      throw new Exit(104, `options: ${error.message}`);
    }
    const data = init.setup ? await users.setup(seconds(options.setupTimeout ?? '60s')) : undefined;
    const began = Date.now();
    await run(options.scenarios.default, users, data, metrics);
    const missed = metrics.judge();
    if (metrics.iterations() === 0) throw new Exit(1, 'no iteration ended');
    if (init.handleSummary) writeSummary(await users.summary(metrics.summary(Date.now() - began)));
    if (missed.length > 0) throw new Exit(99, [`missed thresholds: ${missed.join(', ')}`, ...failedChecks(metrics)].join('\n'));
  } finally {
    await users.end();
  }
}

try {
  await main();
} catch (error) {
  process.exitCode = error.status ?? 107;
  process.stderr.write(`k6 stand-in: ${error.status ? error.message : error.stack ?? error}\n`);
}
