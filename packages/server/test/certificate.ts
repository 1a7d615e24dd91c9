/** A self-signed certificate for 127.0.0.1, made anew for each test: none is kept in the sources (CF-01). */
import { generateKeyPairSync, sign } from 'node:crypto'

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  const { length } = body
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), body])
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), body])
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts)
const oid = (...bytes: readonly number[]) => der(0x06, Buffer.from(bytes))
const bits = (bytes: Uint8Array) => der(0x03, Buffer.from([0]), bytes)
const utcTime = (date: Date) =>
  der(
    0x17,
    Buffer.from(
      `${date
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  )

/** RFC 5280 with an Ed25519 key (RFC 8410), valid for an hour either way. */
export function selfSigned(): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const ed25519 = sequence(oid(0x2b, 0x65, 0x70))
  const commonName = sequence(
    oid(0x55, 0x04, 0x03),
    der(0x0c, Buffer.from('halligan test')),
  )
  const name = sequence(der(0x31, commonName))
  const address = sequence(der(0x87, Buffer.from([127, 0, 0, 1])))
  const altName = sequence(oid(0x55, 0x1d, 0x11), der(0x04, address))
  const hour = 3_600_000
  const validity = [new Date(Date.now() - hour), new Date(Date.now() + hour)].map(utcTime)
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ed25519,
    name,
    sequence(...validity),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(altName)),
  )
  const whole = sequence(body, ed25519, bits(sign(null, body, privateKey)))
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}
