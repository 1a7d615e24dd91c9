/**
 * User certificates of OpenSSH, read back from what `ssh-keygen` signed (PROTOCOL.certkeys of OpenSSH). Nothing is signed or
 * verified here: this only says what a certificate permits, so that it can be compared with what was asked for.
 *
 * @module
 */

export type Certificate = Readonly<{
  serial: bigint
  /** `host` certificates open nothing to people, and are as wrong here as any other surprise. */
  type: 'user' | 'host'
  keyId: string
  principals: readonly string[]
  /** Seconds. */
  validAfter: number
  validBefore: number
  criticalOptions: Readonly<Record<string, string>>
  extensions: Readonly<Record<string, string>>
  /** The authority's public key, as the second word of its line has it. */
  signedBy: string
}>

const ed25519 = 'ssh-ed25519-cert-v01@openssh.com'

/** `line` is the content of a `-cert.pub` file. Throws when it is anything but one whole ed25519 certificate. */
export function parseCertificate(line: string): Certificate {
  const [type, base64 = ''] = line.trim().split(' ')
  if (type !== ed25519) throw new Error(`a certificate of type ${type}`)
  const read = reader(Buffer.from(base64, 'base64'))
  if (read.text() !== ed25519) throw new Error('a certificate that is not what it says')
  read.bytes() // nonce
  read.bytes() // public key
  const certificate = {
    serial: read.uint64(),
    type: typeOf(read.uint32()),
    keyId: read.text(),
    principals: texts(read.bytes()),
    validAfter: Number(read.uint64()),
    validBefore: Number(read.uint64()),
    criticalOptions: options(read.bytes()),
    extensions: options(read.bytes()),
    signedBy: signer(read),
  }
  read.bytes() // signature
  read.end()
  return certificate
}

function signer(read: Reader): string {
  if (read.bytes().length > 0) throw new Error('a certificate with a reserved field')
  return read.bytes().toString('base64')
}

function typeOf(number: number): Certificate['type'] {
  if (number === 1) return 'user'
  if (number === 2) return 'host'
  throw new Error('a certificate for neither a user nor a host')
}

type Reader = Readonly<{
  bytes(): Buffer
  text(): string
  uint32(): number
  uint64(): bigint
  isAtEnd(): boolean
  end(): void
}>

/** RFC 4251, section 5. Every read past the end throws. */
function reader(buffer: Buffer): Reader {
  let at = 0
  const uint32 = () => {
    at += 4
    return buffer.readUInt32BE(at - 4)
  }
  const bytes = () => {
    const length = uint32()
    if (length > buffer.length - at) throw new Error('a certificate that is cut')
    at += length
    return buffer.subarray(at - length, at)
  }
  return {
    bytes,
    uint32,
    text: () => bytes().toString('latin1'),
    uint64: () => {
      at += 8
      return buffer.readBigUInt64BE(at - 8)
    },
    isAtEnd: () => at === buffer.length,
    end: () => {
      if (at !== buffer.length) throw new Error('a certificate with something behind it')
    },
  }
}

function texts(list: Buffer): readonly string[] {
  const read = reader(list)
  const found: string[] = []
  while (!read.isAtEnd()) found.push(read.text())
  return found
}

/** Each option's data is empty, or one string within it. */
function options(list: Buffer): Readonly<Record<string, string>> {
  const read = reader(list)
  const found = new Map<string, string>()
  while (!read.isAtEnd()) {
    const name = read.text()
    const data = read.bytes()
    if (found.has(name)) throw new Error('a certificate that says an option twice')
    const inner = reader(data)
    found.set(name, data.length === 0 ? '' : inner.text())
    if (data.length > 0) inner.end()
  }
  return Object.fromEntries(found)
}

/** What a certificate has to be, exactly. */
export type Wanted = Omit<Certificate, 'type'>

/** The first thing in which the certificate is not what was asked for (TK-14), or null. */
export function differsFrom(certificate: Certificate, wanted: Wanted): string | null {
  if (certificate.type !== 'user') return 'type'
  if (certificate.principals.length === 0) return 'principals'
  const told = (value: unknown): string =>
    JSON.stringify(value, (_, part) =>
      typeof part === 'bigint'
        ? String(part)
        : part !== null && typeof part === 'object' && !Array.isArray(part)
          ? Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))
          : part,
    )
  const names = Object.keys(wanted) as (keyof Wanted)[]
  return names.find((name) => told(certificate[name]) !== told(wanted[name])) ?? null
}
