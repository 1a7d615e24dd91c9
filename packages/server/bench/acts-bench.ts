/**
 * How many signed acts a second are verified, judged, entered durably and answered, against bare Ed25519 verifications
 * of the same envelopes in the same process. The whole way but HTTP: signature, nonce, texts, policy, the verb's own
 * rule, the writer, its disk and its signed checkpoint.
 *
 * @module
 */
import type { Envelope, Result } from '@halligan/core'
import { base64, pae } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { ActInput } from '../src/usecases/accept-act.ts'
import { approveRequest } from '../src/usecases/approve-request.ts'
import { openIncident } from '../src/usecases/open-incident.ts'
import { requestAccess } from '../src/usecases/request-access.ts'
import { withdrawRequest } from '../src/usecases/withdraw-request.ts'
import {
  blobOf,
  must,
  openEstate,
  sign,
  signerOf,
  type TestEstate,
} from '../test/estate-kit.ts'
import { declareIncident, signApproval, signRequest } from '../test/flow-kit.ts'

export type ActsBench = Readonly<{
  acts: 'open_incident' | 'request_approve_withdraw'
  /** How many were under way at a time. */
  clients: number
  count: number
  actsPerSecond: number
  verifiesPerSecond: number
}>

type Move = () => Promise<Result<unknown, { readonly code: string }>>

/** Acts that touch nothing of each other: `clients` at a time. */
export async function benchIncidents(clients: number, count: number): Promise<ActsBench> {
  return await inEstate(async (estate) => {
    const inputs: ActInput[] = []
    for (let n = 0; n < count; n++) inputs.push(await signIncident(estate, n))
    const moves = inputs.map((input) => () => openIncident(estate.deps, input))
    const chains = Array.from({ length: clients }, (_, client) =>
      moves.filter((_, n) => n % clients === client),
    )
    return { acts: 'open_incident', clients, ...(await measure(chains, inputs)) }
  })
}

/** ada asks, bob approves, ada withdraws, over and over; each waits for the last. The policy allows three at once. */
export async function benchGrants(count: number): Promise<ActsBench> {
  const clients = 3
  return await inEstate(async (estate) => {
    await declareIncident(estate)
    const inputs: ActInput[] = []
    const chains: Move[][] = []
    for (let client = 0; client < clients; client++) {
      const chain: Move[] = []
      while (chain.length * clients < count) {
        const one = await signGrant(estate)
        inputs.push(one.request, one.approval, one.withdrawal)
        chain.push(
          () => requestAccess(estate.deps, one.request),
          () => approveRequest(estate.deps, one.approval),
          () => withdrawRequest(estate.deps, one.withdrawal),
        )
      }
      chains.push(chain)
    }
    return { acts: 'request_approve_withdraw', clients, ...(await measure(chains, inputs)) }
  })
}

async function inEstate<T>(work: (estate: TestEstate) => Promise<T>): Promise<T> {
  const estate = await openEstate()
  try {
    return await work(estate)
  } finally {
    await estate.close()
  }
}

async function signIncident(estate: TestEstate, n: number): Promise<ActInput> {
  const title = blobOf('payments are stuck')
  const body = {
    incident: `inc-${n}`,
    severity: 2,
    systems: ['payments-db'],
    titleCommitment: title.commitment,
  }
  return await sign(estate, 'ada', 'open_incident', { body, blobs: [title] })
}

async function signGrant(estate: TestEstate) {
  const asked = await signRequest(estate)
  const { grant, termsDigest } = asked
  return {
    request: asked.input,
    approval: await signApproval(estate, 'bob', asked),
    withdrawal: await sign(estate, 'ada', 'withdraw', { grant, termsDigest, body: {} }),
  }
}

/** Half of the verifications come before the acts and half after, for the machine may change its mind. */
async function measure(chains: readonly Move[][], inputs: readonly ActInput[]) {
  const before = verifiesPerSecond(inputs)
  const count = chains.flat().length
  const start = performance.now()
  await Promise.all(
    chains.map(async (chain) => {
      for (const move of chain) must(await move())
    }),
  )
  const actsPerSecond = (count / (performance.now() - start)) * 1000
  const after = verifiesPerSecond(inputs)
  return { count, actsPerSecond, verifiesPerSecond: (before + after) / 2 }
}

function verifiesPerSecond(inputs: readonly ActInput[]): number {
  const checks = inputs.slice(0, 500).map(({ act }) => checkOf(act))
  const start = performance.now()
  let done = 0
  while (performance.now() - start < verifyMillis)
    for (const { publicKey, message, signature } of checks) {
      if (!nodeCrypto.verifyEd25519(publicKey, message, signature))
        throw new Error('a signature of ours does not verify')
      done++
    }
  return (done / (performance.now() - start)) * 1000
}

const verifyMillis = 400

/** All but the verification itself is done before. */
function checkOf({ payload, payloadType, signatures }: Envelope) {
  const [first] = signatures
  const signer = ['ada', 'bob'].map(signerOf).find(({ keyId }) => keyId === first?.keyid)
  const bytes = base64.decode(payload)
  const signature = base64.decode(first?.sig ?? '')
  if (signer === undefined || bytes === null || signature === null)
    throw new Error('an envelope of ours does not read')
  return { publicKey: signer.publicKey, message: pae(payloadType, bytes), signature }
}

if (import.meta.main) {
  console.log(JSON.stringify(await benchIncidents(64, 4000)))
  console.log(JSON.stringify(await benchGrants(1500)))
}
