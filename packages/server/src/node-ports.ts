import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { uptime } from 'node:os'
import type { Instant } from '@halligan/core'
import type { Clock, Net, Random, Scheduler } from './ports.ts'

/** `os.uptime` is CLOCK_BOOTTIME: it goes on in suspend and never steps. */
export const nodeClock: Clock = {
  now: () => Date.now() as Instant,
  bootMillis: () => Math.round(uptime() * 1000),
}

export const nodeRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
}

const dayMillis = 24 * 3600 * 1000

/** Node fires a timer of over 2^31 ms at once, so no delay is longer than a day (TM-05). */
export const nodeScheduler: Scheduler = {
  after(millis, run) {
    const timer = setTimeout(run, Math.min(Math.max(millis, 0), dayMillis))
    return () => clearTimeout(timer)
  },
  soon(run) {
    setImmediate(run)
  },
}

/** Refused before a byte was sent. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/**
 * Resolves a name once, refuses it when any of its addresses is not public, and connects to the address that
 * was checked, so that a second answer of the name server changes nothing (WB-07). `allowed` are host names
 * or addresses, as written in a URL, that may be private.
 */
export function createNet(allowed: ReadonlySet<string> = new Set()): Net {
  return {
    async post(url, headers, body, timeoutMillis) {
      const target = new URL(url)
      const address = await checkedAddress(target, allowed)
      return send(target, address, headers, body, timeoutMillis)
    },
  }
}

async function checkedAddress(target: URL, allowed: ReadonlySet<string>): Promise<string> {
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw new AddressRefused(`${target.protocol} is not HTTP`)
  if (target.username !== '' || target.password !== '')
    throw new AddressRefused('a URL with a password in it')
  // The URL parser has turned decimal, octal and hexadecimal forms into four numbers by now.
  const host = target.hostname.replace(/^\[|\]$/g, '')
  const found = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }]
  const first = found[0]?.address
  if (first === undefined) throw new AddressRefused(`${host} has no address`)
  const inner = found.find(({ address }) => !isPublic(address))
  if (inner !== undefined && !allowed.has(host))
    throw new AddressRefused(`${host} is ${inner.address}, which is not a public address`)
  return first
}

/** Answers of a redirecting kind are answers: nothing follows them. */
function send(
  target: URL,
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMillis: number,
): Promise<Readonly<{ status: number }>> {
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        agent: false,
        signal: AbortSignal.timeout(timeoutMillis),
        lookup: pinTo(address),
      },
      (response) => {
        response.resume()
        resolve({ status: response.statusCode ?? 0 })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const pinTo =
  (address: string): LookupFunction =>
  (_host, options, done) => {
    const family = isIP(address)
    if (options.all === true) done(null, [{ address, family }])
    else done(null, address, family)
  }

/** Whether an address is one of the open internet: IANA's special-purpose registries are not (RFC 6890). */
export function isPublic(address: string): boolean {
  const mapped = /^::ffff:(?<inner>[0-9.]+)$/i.exec(address)?.groups?.inner
  if (mapped !== undefined) return isPublic(mapped)
  if (isIP(address) === 0) return false
  return isIP(address) === 4
    ? !special4.check(address, 'ipv4')
    : !special6.check(address, 'ipv6')
}

/** Two lists: one with `::ffff:0:0/96` in it would hold every IPv4 address. */
const special4 = new BlockList()
const special6 = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  special4.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  special6.addSubnet(net, prefix, 'ipv6')
