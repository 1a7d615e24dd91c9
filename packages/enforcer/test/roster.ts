import type { Instant, PrincipalId, Roster } from '@halligan/core'
import { base64url, type Signer, vkeyOf } from '@halligan/ledger'
import { nodeCrypto as crypto } from '@halligan/ledger/node'
import { targetName } from './host.ts'
import { origin } from './log.ts'

const person = (name: string) => name as PrincipalId
const pub = ({ publicKey }: Signer) => base64url.encode(publicKey)

export type Keys = Readonly<
  Record<'ada' | 'bob' | 'cy' | 'dee' | 'mallory' | 'issuer' | 'log' | 'enforcer', Signer>
>

/** Dee is the only trustee, so that a test can sign what the trustees would. */
export const genesis = (keys: Keys): Roster => ({
  estate: 'example',
  version: 1,
  prevDigest: null,
  trustees: [{ person: person('dee'), keyId: keys.dee.keyId, key: pub(keys.dee) }],
  threshold: 1,
  logs: [{ origin, vkey: vkeyOf(crypto, origin, keys.log.publicKey), fromSize: 0 }],
  issuers: [{ keyId: keys.issuer.keyId, key: pub(keys.issuer), notBefore: 0 as Instant }],
  people: (['ada', 'bob', 'cy', 'dee', 'mallory'] as const).map((name) => ({
    person: person(name),
    kind: 'human',
    keys: [
      {
        keyId: keys[name].keyId,
        alg: 'ed25519',
        pub: pub(keys[name]),
        approvesFrom: 0 as Instant,
      },
    ],
  })),
  approverGroups: { 'payments-leads': [person('bob'), person('cy')] },
  enforcers: [
    {
      id: 'enf-payments',
      keyId: keys.enforcer.keyId,
      key: pub(keys.enforcer),
      targets: [targetName],
    },
  ],
})
