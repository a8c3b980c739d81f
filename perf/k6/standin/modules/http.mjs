// import http from 'k6/http': get, post and patch. The thread sleeps until the main thread has the answer.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { onlyKnown, strict } from './strict.mjs';

const { flag } = workerData;

function exchange(wanted) {
  Atomics.store(flag, 0, 0);
  parentPort.postMessage({ request: wanted });
  for (;;) {
    Atomics.wait(flag, 0, 0);
    const found = receiveMessageOnPort(parentPort);
    if (found) return found.message.answer;
  }
}

function member(body, selector) {
  if (body === null) throw new Error('json() of an answer whose body was not kept');
  const value = JSON.parse(body);
  if (selector === undefined) return value;
  if (!/^\w+$/.test(selector)) throw new Error(`the stand-in does not know the selector '${selector}'`);
  return value[selector];
}

function send(method, url, body, params = {}) {
  onlyKnown('params', params, ['headers', 'responseType']);
  const kind = params.responseType ?? 'text';
  if (kind !== 'text' && kind !== 'none') throw new Error(`the stand-in does not know the responseType '${kind}'`);
  if (body !== null && typeof body !== 'string') throw new Error('the stand-in sends text only');
  const answer = exchange({ method, url, body, headers: params.headers ?? {} });
  const kept = kind === 'text' ? answer.body : null;
  return strict('response', { status: answer.status, headers: answer.headers, body: kept, json: (selector) => member(kept, selector) });
}

export default strict('http', {
  get: (url, params) => send('GET', url, null, params),
  post: (url, body = null, params = undefined) => send('POST', url, body, params),
  patch: (url, body = null, params = undefined) => send('PATCH', url, body, params),
});
