// @sd-jwt/sd-jwt-vc: issues a credential that refers to one of our lists, and verifies it as a verifier would, with the
// library's own fetching and reading of the list.
import crypto from 'node:crypto'
import { peer, run } from './peers.mjs'

const { SDJwtVcInstance } = peer('@sd-jwt/sd-jwt-vc')
const { digest, generateSalt, ES256 } = peer('@sd-jwt/crypto-nodejs')

// The list's key is in the header of its token. The library gives what was signed as text: header.payload.
async function statusVerifier(data, signature) {
    const header = JSON.parse(Buffer.from(data.split('.')[0], 'base64url'))
    const certificate = new crypto.X509Certificate(Buffer.from(header.x5c[0], 'base64'))
    const key = { key: certificate.publicKey, dsaEncoding: 'ieee-p1363' }
    return crypto.verify('sha256', Buffer.from(data), key, Buffer.from(signature, 'base64url'))
}

async function instance(keys) {
    return new SDJwtVcInstance({
        signer: await ES256.getSigner(keys.privateKey),
        signAlg: ES256.alg,
        verifier: await ES256.getVerifier(keys.publicKey),
        statusVerifier,
        hasher: digest,
        hashAlg: 'sha-256',
        saltGenerator: generateSalt,
    })
}

async function issue({ uri, index }) {
    const keys = await ES256.generateKeyPair()
    const vc = await instance(keys)
    const claims = {
        iss: 'https://issuer.example',
        iat: Math.floor(Date.now() / 1000),
        vct: 'https://issuer.example/employee',
        given_name: 'Ada',
        status: { status_list: { uri, idx: index } },
    }
    return { keys, credential: await vc.issue(claims, { _sd: ['given_name'] }) }
}

async function verify({ keys, credential }) {
    const vc = await instance(keys)
    try {
        const result = await vc.verify(credential)
        return { valid: true, claims: result.payload }
    } catch (e) {
        return { valid: false, why: e.message }
    }
}

await run((request) => (request.credential ? verify(request) : issue(request)))
