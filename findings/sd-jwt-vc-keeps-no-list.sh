#!/bin/bash
# Behaviour: @sd-jwt/sd-jwt-vc fetches the whole list for every verification, though the answer says max-age, and sends no If-None-Match.
# One would guess: two verifications with one instance within the list's ttl need one fetch, or the second is a conditional one.
# Version: @sd-jwt/sd-jwt-vc 0.20.0 and @sd-jwt/crypto-nodejs 0.19.0 (npm), Node.js 20.20.2, seen on 2026-11-30.
# Output seen: "3 verifications, 3 fetches, 0 conditional"
# Why it matters here: docs/sizing.md counts verifiers without a cache by the credentials that are shown.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs Node.js 20 or later with npm.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
command -v npm >/dev/null || { echo "no npm here" >&2; exit 2; }
cd "$tmp"
cat >package.json <<'JSON'
{
  "private": true,
  "dependencies": {
    "@owf/token-status-list": "0.3.0-alpha-20260508181749",
    "@sd-jwt/crypto-nodejs": "0.19.0",
    "@sd-jwt/sd-jwt-vc": "0.20.0"
  },
  "overrides": {
    "@owf/identity-common": "0.3.0-alpha-20260508181749",
    "@owf/token-status-list": "$@owf/token-status-list"
  }
}
JSON
npm install --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error >&2 || { echo "the packages could not be had" >&2; exit 2; }
cat >verify.mjs <<'JAVASCRIPT'
import { createRequire } from 'node:module'
import crypto from 'node:crypto'
import http from 'node:http'

const peer = createRequire(`${process.cwd()}/x.cjs`)
const { SDJwtVcInstance } = peer('@sd-jwt/sd-jwt-vc')
const { digest, generateSalt, ES256 } = peer('@sd-jwt/crypto-nodejs')
const list = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
const seen = { fetches: 0, conditional: 0 }

const server = http.createServer((request, response) => {
    seen.fetches++
    if (request.headers['if-none-match']) seen.conditional++
    const now = Math.floor(Date.now() / 1000)
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { sub: uri, iat: now - 10, exp: now + 600, ttl: 60, status_list: { bits: 1, lst: 'eNpjAAAAAQAB' } }
    const text = `${part({ alg: 'ES256', typ: 'statuslist+jwt' })}.${part(claims)}`
    const signature = crypto.sign('sha256', Buffer.from(text), { key: list.privateKey, dsaEncoding: 'ieee-p1363' })
    response.writeHead(200, { 'Content-Type': 'application/statuslist+jwt', 'Cache-Control': 'max-age=60', ETag: '"1"' })
    response.end(`${text}.${signature.toString('base64url')}`)
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const uri = `http://127.0.0.1:${server.address().port}/list`

const keys = await ES256.generateKeyPair()
const vc = new SDJwtVcInstance({
    signer: await ES256.getSigner(keys.privateKey),
    signAlg: ES256.alg,
    verifier: await ES256.getVerifier(keys.publicKey),
    statusVerifier: async (data, signature) =>
        crypto.verify('sha256', Buffer.from(data), { key: list.publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
    hasher: digest,
    hashAlg: 'sha-256',
    saltGenerator: generateSalt,
})
const credential = await vc.issue({
    iss: 'https://issuer.example',
    iat: Math.floor(Date.now() / 1000),
    vct: 'https://issuer.example/employee',
    status: { status_list: { uri, idx: 3 } },
})
for (let i = 0; i < 3; i++) await vc.verify(credential)
console.log(`3 verifications, ${seen.fetches} fetches, ${seen.conditional} conditional`)
server.close()
server.closeAllConnections()
JAVASCRIPT
seen=$(node verify.mjs)
echo "$seen"
[ "$seen" = "3 verifications, 3 fetches, 0 conditional" ]
