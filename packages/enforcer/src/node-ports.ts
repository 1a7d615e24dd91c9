import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Instant } from '@halligan/core'
import { CompactEncrypt, importJWK } from 'jose'
import type { Clock, Log, Random, Scheduler, Sealer } from './ports.ts'

const bootIdFile = '/proc/sys/kernel/random/boot_id'
/** Touched by systemd-timesyncd, on a file system that a reboot empties. Beside another time daemon, have its unit touch it. */
const synchronisedFile = '/run/systemd/timesync/synchronized'

/** `os.uptime` is /proc/uptime on Linux: CLOCK_BOOTTIME, which counts through suspend. */
export function hostClock(): Clock {
  // Without a boot id every process is another boot: access then ends at a restart rather than late.
  const bootId = existsSync(bootIdFile)
    ? readFileSync(bootIdFile, 'utf8').trim()
    : randomUUID()
  return {
    read: () => ({
      bootId,
      bootMillis: Math.round(uptime() * 1000),
      wall: Date.now() as Instant,
      synchronised: existsSync(synchronisedFile),
    }),
  }
}

export const hostRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) }

const dayInMillis = 86_400_000

export const hostScheduler: Scheduler = {
  after(millis, run) {
    // Beyond 2^31 ms a timer fires at once (TM-05); nothing here needs a longer sleep than a day.
    const timer = setTimeout(run, Math.min(Math.max(millis, 1), dayInMillis))
    return () => clearTimeout(timer)
  },
}

export const joseSealer: Sealer = {
  async seal(credential, to, header) {
    const key = await importJWK({ ...to }, 'ECDH-ES+A256KW')
    return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(credential)))
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', ...header })
      .encrypt(key)
  },
}

/** One JSON object a line, to standard error. */
export const jsonLog: Log = (note) => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), ...note })}\n`)
}
