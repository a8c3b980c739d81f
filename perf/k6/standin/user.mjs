// One virtual user, in a thread of its own: loads the script with the modules of the stand-in in the place of k6's, and runs what
// the main thread asks for.
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const MODULES = { 'k6': 'k6', 'k6/http': 'http', 'k6/encoding': 'encoding', 'k6/metrics': 'metrics' };
const EXPORTS = ['default', 'options', 'setup', 'handleSummary'];

registerHooks({
  resolve(specifier, context, next) {
    if (/^\.\.?\//.test(specifier) || specifier.startsWith('file:')) return next(specifier, context);
    if (context.parentURL?.startsWith(new URL('.', import.meta.url).href)) return next(specifier, context); // the stand-in's own
    if (!Object.hasOwn(MODULES, specifier)) throw new Error(`the stand-in does not know the module '${specifier}'`);
    return { url: new URL(`./modules/${MODULES[specifier]}.mjs`, import.meta.url).href, shortCircuit: true };
  },
});

globalThis.__ENV = { ...process.env };
globalThis.__VU = workerData.number;
globalThis.__ITER = 0;

const script = await import(pathToFileURL(workerData.script).href);
for (const name of Object.keys(script)) {
  if (!EXPORTS.includes(name)) throw new Error(`the stand-in does not know what to do with the export '${name}'`);
}
if (typeof script.default !== 'function') throw new Error('the script exports no default function');

const WORK = {
  setup: () => script.setup(),
  iterate: (data) => script.default(data),
  summary: (data) => script.handleSummary(data),
};

parentPort.on('message', ({ what, argument, iteration }) => {
  globalThis.__ITER = iteration;
  try {
    const result = WORK[what](argument);
    parentPort.postMessage({ result: what === 'iterate' ? undefined : result && JSON.parse(JSON.stringify(result)) });
  } catch (error) {
    parentPort.postMessage({ error });
  }
});
parentPort.postMessage({ result: { options: script.options, setup: 'setup' in script, handleSummary: 'handleSummary' in script } });
