// @owf/token-status-list and @sd-jwt/jwt-status-list: what they read out of one list, in one of its forms.
import crypto from 'node:crypto'
import { fetchToken, peer, run } from './peers.mjs'

const owf = peer('@owf/token-status-list')
const { Sign1 } = peer('@owf/cose')
const sdjwt = peer('@sd-jwt/jwt-status-list')
const HASHES = { ES256: 'sha256', ES384: 'sha384', ES512: 'sha512', EdDSA: null }

// @owf/cose leaves the cryptography to its caller, and says what was signed with which certificate.
const context = {
    getPublicKey: async ({ certificate }) => new crypto.X509Certificate(certificate).publicKey,
    verify: async ({ sign1, key }) =>
        crypto.verify(HASHES[sign1.signatureAlgorithmName], sign1.toBeSigned, { key, dsaEncoding: 'ieee-p1363' }, sign1.signature),
}

function seen(list) {
    const statuses = Object.fromEntries([...list.statusList.entries()].filter(([, value]) => value !== 0))
    return { bits: list.getBitsPerStatus(), entries: list.statusList.length, statuses }
}

function jwt(text) {
    return { owf: seen(owf.getListFromStatusListJWT(text)), sdjwt: seen(sdjwt.getListFromStatusListJWT(text)) }
}

async function cwt(data) {
    const { payload } = owf.StatusListCwt.fromToken(data)
    const sign1 = Sign1.decode(data)
    return {
        owf: seen(payload.statusList),
        claims: {
            sub: payload.subject,
            iat: payload.issuedAt.getTime() / 1000,
            exp: payload.expirationTime.getTime() / 1000,
            ttl: payload.timeToLive,
            aggregation_uri: payload.statusList.aggregationUri,
        },
        chain: sign1.x5chain.length,
        verified: await sign1.verifySignature({}, context),
    }
}

await run(async ({ uri, kind }) => {
    const data = await fetchToken(uri, kind)
    try {
        return kind === 'jwt' ? jwt(Buffer.from(data).toString('ascii')) : await cwt(data)
    } catch (e) {
        return { refused: e.message }
    }
})
