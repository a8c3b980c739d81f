// What the scripts beside this file share: the packages of the peers, and how they are called and answer.
import { createRequire } from 'node:module'
import path from 'node:path'

// SL_PEERS is the folder in which the packages of package-lock.json are installed.
export const peer = createRequire(path.join(process.env.SL_PEERS, 'peers.cjs'))

export const TYPES = { jwt: 'application/statuslist+jwt', cwt: 'application/statuslist+cwt' }

export async function fetchToken(uri, kind) {
    const answer = await fetch(uri, { headers: { Accept: TYPES[kind] } })
    if (answer.status !== 200 || answer.headers.get('content-type') !== TYPES[kind])
        throw new Error(`${uri}: ${answer.status}, ${answer.headers.get('content-type')}`)
    return new Uint8Array(await answer.arrayBuffer())
}

/** Calls work(request) with the JSON object of the first argument; its answer goes to standard output as one line of JSON. */
export async function run(work) {
    console.log(JSON.stringify(await work(JSON.parse(process.argv[2]))))
}
